"""Pages: one small HTML file each, in the reader's language, without scripts, images or fonts to fetch."""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from banyan.i18n import ENDONYMS, Text, render
from banyan.web.headers import HEADERS

_FILES = Path(__file__).parent / "templates"
_STYLE = (_FILES / "style.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ),
)
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FILES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _breakable(address: str) -> Markup:
    """Let a long address wrap before its punctuation, where it cannot be misread; copying it stays exact."""
    return Markup("").join(
        Markup("<wbr>") + part if part in ":." else part for part in re.split("([:.])", address)
    )


_TEMPLATES.filters["breakable"] = _breakable


def page(
    name: str,
    language: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    **values: Any,
) -> web.Response:
    """Render `templates/{name}.html` in `language`.

    In a template `_("…", name=value)` says a marked text; values and texts are escaped. The style stands in
    the page, for a second request is what fails on a bad network, and is allowed by its hash alone.
    """
    values |= {
        "language": language,
        "languages": ENDONYMS,
        "style": _STYLE,
        "_": lambda template, **filled: render(Text(template, **filled), language),
    }
    return web.Response(
        text=_TEMPLATES.get_template(f"{name}.html").render(values),
        status=status,
        content_type="text/html",
        headers=HEADERS | {"Content-Security-Policy": _POLICY, "Content-Language": language, **headers},
    )
