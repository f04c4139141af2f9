"""`banyan up` and `banyan serve`: from a directory to a network that is well, until it is told to stop."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from banyan.bootstrap.crew import unless_stopped
from banyan.bootstrap.growing import grow
from banyan.bootstrap.home import Parts, only_one, open_home, read_files
from banyan.bootstrap.partners import operating, render_now
from banyan.bootstrap.serving import serving
from banyan.bootstrap.speaking import provision_speakers
from banyan.bootstrap.waiting import must_exist
from banyan.files import write_private
from banyan.logs import log_to
from banyan.matrix import Api
from banyan.settings import Home
from bots.client import publish_identity
from homeserver.accounts import provision
from homeserver.apply import KeeperAway, Progress, RemovalsNotAllowed
from homeserver.supervise import Synapse


class Watcher(Progress, Protocol):
    """Who watches: a line for each finished step, and a bar."""

    def say(self, text: str) -> None:
        """Print a finished step."""

    def finished(self) -> None:
        """Hide the bar."""


async def up(home: Home, network: Path | None, watch: Watcher, *, allow_removals: bool = False) -> None:
    """Start everything and stay up until SIGINT or SIGTERM."""
    read_files(home, network)  # a file that is wrong leaves no trace, not even a directory
    with only_one(home):
        async with open_home(home, network, listening=True) as parts:
            log_to(home.logs / "banyan.log")
            stop = _stopping()
            await render_now(parts)
            async with _homeserver(parts) as synapse:
                await parts.partners.started(parts.spec.federation_whitelist)
                watch.say(f"homeserver ready ({parts.settings.name})")
                await _accounts(parts, watch)
                watch.say("our own accounts are in place, their devices signed")
                growing = _grow(parts, watch, allow_removals=allow_removals)
                if not await unless_stopped(stop, growing):
                    watch.say("stopping; the next start grows on from here")
                    return
                async with (
                    serving(parts) as crew,
                    _told(parts) as tell,
                    operating(parts, crew, synapse, tell),
                ):
                    watch.say(f"well. Join page and alerts: {parts.addresses.web_url}")
                    watch.say(f"Members log in with any Element at {parts.addresses.homeserver_url}")
                    await stop.wait()
                    watch.say("stopping")


async def serve(home: Home, watch: Watcher, *, only: frozenset[str] = frozenset()) -> None:
    """Run the parts, or only some, beside a homeserver that is up already."""
    must_exist(home)
    async with open_home(home) as parts:
        log_to(home.logs / "banyan.log")
        stop = _stopping()
        async with serving(parts, only):
            watch.say(f"running: {', '.join(sorted(only)) or 'all parts'}")
            await stop.wait()


@asynccontextmanager
async def _homeserver(parts: Parts) -> AsyncIterator[Synapse]:
    synapse = Synapse(parts.home.path, parts.addresses.homeserver)
    await synapse.start()
    watching: asyncio.Task[None] | None = None
    try:
        await synapse.wait_ready()
        parts.synapse = synapse
        watching = asyncio.create_task(synapse.run())
        yield synapse
    finally:
        await synapse.stop()
        if watching is not None:
            await asyncio.gather(watching, return_exceptions=True)


async def _accounts(parts: Parts, watch: Watcher) -> None:
    home, url = parts.home, parts.addresses.homeserver
    await provision(url, parts.settings.name, home.secrets)
    await provision_speakers(parts, watch.say)
    await _warden_identity(parts)


async def _warden_identity(parts: Parts) -> None:
    """Publish the warden's identity once. Afterwards its seeds go offline; only the public half is kept.

    Without a device, and with seeds that are elsewhere: a device that a thief adds stays unsigned.
    """
    known = parts.home.secret("warden.identity")
    if known.exists():
        return
    token = parts.home.secret("warden.as_token").read_text().strip()
    async with Api(parts.addresses.homeserver, token, as_user=parts.accounts.warden) as api:
        seeds = await publish_identity(api, parts.accounts.warden, parts.home.secret("warden.seeds"))
    write_private(known, seeds.identity + "\n")


async def _grow(parts: Parts, watch: Watcher, *, allow_removals: bool) -> None:
    """A network that may not grow now still runs: people need their alarms more than a new room."""
    try:
        report = await grow(parts, watch, allow_removals=allow_removals)
    except (KeeperAway, RemovalsNotAllowed) as refused:
        watch.say(str(refused))
        return
    finally:
        watch.finished()
    watch.say(f"rooms: {report.created} made, {report.changed} changed, {report.removed} removed")


@asynccontextmanager
async def _told(parts: Parts) -> AsyncIterator[Callable[[], None]]:
    """`run.json` while all of it runs; what is yielded writes it again."""

    def tell() -> None:
        write_private(parts.home.run_file, json.dumps(_run(parts), indent=2, sort_keys=True) + "\n")

    tell()
    try:
        yield tell
    finally:
        parts.home.run_file.unlink(missing_ok=True)


def _run(parts: Parts) -> dict[str, Any]:
    addresses, synapse = parts.addresses, parts.synapse
    return {
        "homeserver_url": addresses.homeserver_url,
        "server_name": parts.settings.name,
        "web_url": addresses.web_url,
        "private_url": addresses.private_url,
        "listening": {
            "homeserver": addresses.homeserver,
            "public": "http://{}:{}".format(*addresses.public),
            "private": "http://{}:{}".format(*addresses.private),
        },
        "pids": {"banyan": os.getpid(), "synapse": synapse.pid if synapse else None},
    }


def _stopping() -> asyncio.Event:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop
