"""A members' service that remembers, and the pages served on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiohttp.test_utils import TestServer

from banyan.errors import BanyanError, TokenSpent
from banyan.web.headers import harden
from banyan.web.join import join_routes
from banyan.web.site import Site, site_routes

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = "token-Aa0_~.x"
PASSPHRASE = "teapot gravel orbit fern"


@dataclass(frozen=True)
class FakeInvited:
    localpart: str = "amber-heron"
    language: str = "my"
    expires: datetime = NOON + timedelta(hours=71, minutes=30)


@dataclass
class FakeMembers:
    """Knows one invitation. Whatever is in `fails` is raised by the next registrations, in order."""

    invited: dict[str, FakeInvited] = field(default_factory=lambda: {TOKEN: FakeInvited()})
    registered: list[tuple[str, str, str]] = field(default_factory=list)
    fails: list[BanyanError | Exception] = field(default_factory=list)

    async def look(self, token):
        if token not in self.invited:
            raise TokenSpent
        return self.invited[token]

    async def register(self, token, passphrase, language):
        if self.fails:
            raise self.fails.pop(0)
        invited = await self.look(token)
        del self.invited[token]
        self.registered.append((token, passphrase, language))
        return f"@{invited.localpart}:banyan.example"


SITE = Site(homeserver_url="https://matrix.banyan.example", web_url="https://join.banyan.example")


@asynccontextmanager
async def served(members: FakeMembers, site: Site = SITE) -> AsyncIterator[TestServer]:
    """Serve the pages on a free port of loopback."""
    app = web.Application()
    app.add_routes([*join_routes(members, site, now=lambda: NOON), *site_routes(site)])
    harden(app)
    async with TestServer(app) as server:
        yield server
