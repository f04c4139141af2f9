"""Partner servers from the command line, and the one part that starts the homeserver anew."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from banyan.bootstrap.crew import Crew, draining
from banyan.bootstrap.home import Parts, open_home
from banyan.bootstrap.waiting import must_exist, running
from banyan.domain.effects import Actor, Effect, EffectState
from banyan.services.outbox import Drain, Never
from banyan.services.partners import Partner, Step
from banyan.services.ports import UnitOfWork
from banyan.settings import Home
from homeserver.admin import Admin
from homeserver.config import render
from homeserver.supervise import Synapse, SynapseRefused

log = structlog.get_logger()

PATIENCE: Final = 120.0
"""Seconds for which a command waits for what `banyan up` does."""
PAUSE: Final = 0.05
LAST_WORD: Final = 5.0
"""Seconds for which a server that is cut off is told that its people are out."""

Decide = Callable[[UnitOfWork], Awaitable[str]]
Told = Callable[[Step], None]


@dataclass(frozen=True)
class Course:
    """How cutting off or readmitting went."""

    partner: Partner
    steps: Sequence[Step]
    up: bool
    """`banyan up` runs, which carries it out."""

    @property
    def well(self) -> bool:
        """Whether every step is done."""
        return all(step.state is EffectState.DONE for step in self.steps)


async def render_now(parts: Parts) -> None:
    """Write what the homeserver is started with: it speaks with partners, but those that are cut off."""
    servers = await parts.partners.servers()
    parts.spec = replace(parts.spec, federation_whitelist=tuple(sorted(servers)))
    render(parts.home.path, parts.spec)


@asynccontextmanager
async def operating(
    parts: Parts, crew: Crew, synapse: Synapse, restarted: Callable[[], None]
) -> AsyncIterator[None]:
    """Start the homeserver anew when the servers it may speak with have changed. `restarted` is told."""

    async def start_with(servers: tuple[str, ...]) -> None:
        parts.spec = replace(parts.spec, federation_whitelist=servers)
        render(parts.home.path, parts.spec)
        await synapse.restart()
        restarted()

    async def federate(effect: Effect) -> Mapping[str, Any]:
        async with parts.work.reading() as tx:
            cut = await tx.cuts.all()
        servers = tuple(sorted(set(effect.payload["servers"]) - cut))
        changes = servers != parts.spec.federation_whitelist
        if changes:
            await _told(parts, set(parts.spec.federation_whitelist) - set(servers))
            try:
                await start_with(servers)
            except SynapseRefused:
                # its certificate is missing, say: members need their homeserver more than partners
                await start_with(())
                raise Never("homeserver-refused-partners") from None
            log.info("homeserver-restarted", servers=len(servers))
        await parts.partners.started(servers)
        return {"restarted": changes}

    drain = Drain(parts.work, Actor.OPERATOR, {"federate": federate}, parts.clock)
    async with draining(parts, crew, drain):
        yield


async def _told(parts: Parts, servers: Collection[str]) -> None:
    try:
        token = parts.home.secret("registrar.token").read_text().strip()
        async with Admin(parts.addresses.homeserver, token, patience=LAST_WORD) as admin:
            await last_word(admin.owes, servers)
    except Exception as error:  # noqa: BLE001 - whatever it is: nothing may keep us from cutting off
        log.warning("partner-not-told", why=type(error).__name__)


async def last_word(owes: Callable[[str], Awaitable[bool]], servers: Collection[str]) -> None:
    """Wait, not for long, until these servers were sent what they are to hear last.

    A server that never hears that its people are out takes them for members for good: readmitted, they could
    not come back into that room.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD):
            for server in servers:
                while await owes(server):  # noqa: ASYNC110 - another server hears it
                    await asyncio.sleep(PAUSE)


async def list_partners(home: Home) -> Sequence[Partner]:
    """Every partner that has a server."""
    must_exist(home)
    async with open_home(home) as parts:
        return await parts.partners.list()


async def find_partner(home: Home, server: str) -> Partner:
    """The partner on a server. Raise `NotFound`."""
    must_exist(home)
    async with open_home(home) as parts:
        return await parts.partners.get(server)


async def cut(home: Home, server: str, told: Told) -> Course:
    """Cut a partner's server off and wait until it is done; `told` of every step that ended."""
    must_exist(home)
    async with open_home(home) as parts:
        return await _decided(parts, server, lambda tx: parts.partners.cut(tx, server, by="operator"), told)


async def readmit(home: Home, server: str, told: Told) -> Course:
    """Speak with a partner's server again. As `cut`."""
    must_exist(home)
    async with open_home(home) as parts:
        return await _decided(
            parts, server, lambda tx: parts.partners.readmit(tx, server, by="operator"), told
        )


async def _decided(parts: Parts, server: str, decide: Decide, told: Told) -> Course:
    partner = await parts.partners.get(server)
    async with parts.work() as tx:
        subject = await decide(tx)
    ended: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while True:
        steps, up = await parts.partners.times(subject), running(parts.home)
        for number, step in enumerate(steps):
            if step.state is not EffectState.QUEUED and number not in ended:
                ended.add(number)
                told(step)
        if not up or len(ended) == len(steps) or time.monotonic() > deadline:
            return Course(partner, steps, up)
        await asyncio.sleep(PAUSE)
