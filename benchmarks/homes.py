"""Homes to measure in: our own Synapse with our accounts in it, with the gate or without."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from rich.console import Console

from banyan.bootstrap.home import Parts, open_home
from banyan.bootstrap.running import _accounts
from banyan.matrix import Api
from banyan.progress import Steps
from banyan.settings import Home
from homeserver.accounts import register_by_secret
from homeserver.config import Paths, render
from homeserver.gatefile import GateFile, token_hash
from homeserver.supervise import Synapse

PASSPHRASE = "a phrase that nobody has to remember"


@asynccontextmanager
async def started(
    directory: Path, changes: Mapping[str, Any] | None = None, *, ears: bool = True
) -> AsyncIterator[Parts]:
    """Start Synapse with a home's configuration and make our accounts. `changes` are laid over it.

    `ears` takes what Synapse tells the warden, where no `banyan serve` does.
    """
    home = Home(directory)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_home(home, listening=True))
        if ears:
            await stack.enter_async_context(_ears(parts))
        render(home.path, parts.spec)
        config = Paths(home.path.resolve()).config
        # passphrases of the people here need no protection, and hashing them is not what is measured
        content = yaml.safe_load(config.read_text()) | {"bcrypt_rounds": 4} | dict(changes or {})
        config.write_text(yaml.safe_dump(content))
        GateFile(home.gate_file)
        synapse = Synapse(home.path, parts.addresses.homeserver)
        await synapse.start()
        try:
            await synapse.wait_ready()
            await _accounts(parts, Steps(Console(quiet=True)))
            yield parts
        finally:
            await synapse.stop()


@asynccontextmanager
async def _ears(parts: Parts) -> AsyncIterator[None]:
    """Take what Synapse tells the warden, so that it does not repeat it."""

    async def heard(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.put("/_matrix/app/v1/transactions/{txn}", heard)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, *parts.addresses.private).start()
        yield
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Registered:
    """An account as Synapse made it."""

    user_id: str
    device_id: str
    access_token: str


async def register(parts: Parts, localpart: str) -> Registered:
    """Register a member with the shared secret, which saves the pages of the public way."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    GateFile(parts.home.gate_file).token(token_hash(secrets.token_hex(8)), localpart, expires)
    shared = parts.home.secret("registration_shared_secret").read_text().strip()
    async with Api(parts.addresses.homeserver, None) as api:
        answer = await register_by_secret(api, shared, localpart, PASSPHRASE)
    return Registered(answer["user_id"], answer["device_id"], answer["access_token"])
