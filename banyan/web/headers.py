"""Headers: those that every answer carries, and those that tell where a form was sent from."""

from aiohttp import hdrs, web
from yarl import URL

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""A link carries its token in the path: it must not stay in a cache, a referrer or a search engine."""


def harden(app: web.Application) -> None:
    """Add `HEADERS` to every answer of `app`, errors too, unless a handler set them; name no software."""

    async def add(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.popall(hdrs.SERVER, None)

    app.on_response_prepare.append(add)


def from_our_page(request: web.Request, url: str = "") -> bool:
    """Whether a form was sent from our page, as far as the browser says. `url` is where the world sees it.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` even with our own form (Fetch, "append a
    request Origin header"), so that null proves nothing either way.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get(hdrs.ORIGIN, "null")
    ours = {f"http://{request.host}", f"https://{request.host}"}
    return origin in {"null", *ours} or (bool(url) and origin == str(URL(url).origin()))
