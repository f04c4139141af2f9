"""The console, with what it asks of the home and of the homeserver."""

from functools import partial

from aiohttp import web

from banyan.bootstrap.home import Parts
from banyan.errors import BanyanError
from banyan.notary import public_keys
from banyan.web.console import console_routes
from homeserver.admin import Admin

PATIENCE = 5
"""Seconds a page waits for the homeserver."""


def console(parts: Parts) -> list[web.RouteDef]:
    """Its routes, for the private listener."""

    async def devices(localpart: str) -> int | None:
        token = parts.home.secret("registrar.token").read_text().strip()
        try:
            async with Admin(parts.addresses.homeserver, token, patience=PATIENCE) as admin:
                return len(await admin.devices(parts.accounts.member(localpart)))
        except BanyanError:
            return None

    return console_routes(
        parts.console,
        parts.work,
        parts.clock,
        network=parts.network,
        devices=devices,
        keys=partial(public_keys, parts.home),
    )
