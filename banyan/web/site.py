"""What the public listener says about this site: nothing to a passer-by, the addresses to a client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.Response]]

_FOR_CLIENTS = {"Access-Control-Allow-Origin": "*"}
"""Element Web fetches `.well-known` from another origin (Matrix client-server API, "Well-known URI")."""

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Site:
    """The addresses of this network."""

    homeserver_url: str
    """Where clients connect; shown to new members."""
    web_url: str
    """Where these pages are."""
    well_known: bool = False
    """Whether to answer `/.well-known/matrix/*`: when the addresses are public (`Settings.public`)."""


def site_routes(site: Site) -> list[web.RouteDef]:
    """`GET /` and, when the addresses are public, `/.well-known/matrix/client` and `/server`."""
    routes = [web.get("/", _nothing)]
    if site.well_known:
        address = urlsplit(site.homeserver_url)
        server = f"{address.hostname}:{address.port or _PORTS[address.scheme]}"
        client = {"m.homeserver": {"base_url": site.homeserver_url.rstrip("/")}}
        routes.append(web.get("/.well-known/matrix/client", _says(client)))
        routes.append(web.get("/.well-known/matrix/server", _says({"m.server": server})))
    return routes


async def _nothing(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>.</title>", content_type="text/html")


def _says(answer: object) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(answer, headers=_FOR_CLIENTS)

    return handler
