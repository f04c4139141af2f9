"""Where our own log goes: a file, a JSON line an event. Ids and references only, never what people wrote."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog


def log_to(file: Path) -> None:
    """Send structlog and the warnings of libraries to a file that rotates at 2 MB."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=2_000_000, backupCount=3, encoding="utf-8")
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _only_the_class],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    for ours in ("banyan", "homeserver", "bridge", "bots"):
        logging.getLogger(ours).setLevel(logging.INFO)


def log_to_stderr() -> None:
    """Leave standard output to what a command has to say: with `--json` a program reads it."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _only_the_class(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep who said it and the kind of error of a library's line: its text may quote a person."""
    record: logging.LogRecord = event["_record"]
    kept = {key: event[key] for key in ("_record", "_from_structlog", "level", "timestamp") if key in event}
    kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
    record.exc_info = None
    return kept | {"event": "library-warning", "library": record.name, "why": kind}
