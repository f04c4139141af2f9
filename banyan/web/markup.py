"""What every template can do with a text."""

import re

from markupsafe import Markup, escape


def code(text: str) -> Markup:
    """Set what stands between backticks as what is typed."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
