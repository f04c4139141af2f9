"""A log formatter that strikes out whom and whence: Synapse's own warnings print ids and addresses."""

import logging
import re

_IDS = re.compile(r"[@!#$][^\s:,'\"()\[\]{}<>]+(?::[\w.-]+(?::\d+)?)?")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4})(?![\w:])")


class DiscreetFormatter(logging.Formatter):
    """Formats as usual, tracebacks included, then replaces ids and addresses by an ellipsis."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without user, room, alias and event ids and without IP addresses."""
        text = super().format(record)
        for pattern in (_IDS, _IPV6, _IPV4):
            text = pattern.sub("…", text)
        return text
