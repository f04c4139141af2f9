"""Headers that every answer of the public listener carries."""

from aiohttp import hdrs, web

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
