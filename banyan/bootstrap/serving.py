"""Everything but the homeserver: pages, intake, outbox, bots."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web

from banyan.bootstrap.auditing import auditing
from banyan.bootstrap.console import console
from banyan.bootstrap.crew import Crew, draining
from banyan.bootstrap.home import Parts
from banyan.bootstrap.overseeing import overseeing
from banyan.bootstrap.speaking import SPEAKERS, speaking
from banyan.domain.effects import Actor
from banyan.errors import BanyanError, UsedWrongly
from banyan.matrix import Api
from banyan.schedule import Schedule
from banyan.services.health import Check, Health
from banyan.services.outbox import Drain
from banyan.web.headers import harden
from banyan.web.join import join_routes
from banyan.web.site import Site, site_routes
from bridge.alerts import public_routes
from bridge.listener import listening
from bridge.transactions import private_routes
from homeserver.actors import GateActor, RegistrarActor
from homeserver.admin import Admin
from homeserver.gatefile import GateFile, Token

log = structlog.get_logger()

MENDING = timedelta(seconds=30)
"""How often the gate's table is looked at."""

UNHEARD = 6
"""Attempts at telling staff something, within half a minute, after which it counts as told to nobody."""

Part = Callable[[Parts, Crew], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _web(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """Both listeners: the public one for people and senders, the private one for the homeserver."""
    addresses = parts.addresses
    site = Site(addresses.homeserver_url, addresses.web_url, well_known=parts.settings.public is not None)
    public = [
        *site_routes(site),
        *join_routes(parts.members, site),
        *public_routes(parts.intake, parts.alerts, Health(_checks(parts, crew)), parts.metrics),
    ]
    hs_token = parts.home.secret("warden.hs_token").read_text().strip()
    private = [*private_routes(hs_token, parts.ears, parts.metrics), *console(parts)]
    async with _listening(public, addresses.public), _listening(private, addresses.private):
        yield


def _checks(parts: Parts, crew: Crew) -> Mapping[str, Check]:
    async def homeserver() -> bool:
        url = f"{parts.addresses.homeserver}/health"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status == HTTPStatus.OK

    async def database() -> bool:
        async with parts.work.reading() as tx:
            await tx.log.head()
        return True

    async def bots() -> bool:
        return all(parts.well(actor) for actor in SPEAKERS)

    async def gate() -> bool:
        return parts.well("gate")

    async def scheduler() -> bool:
        return parts.well("schedule")

    async def outbox() -> bool:
        async with parts.work.reading() as tx:  # whoever takes the security room away silences every warning
            return not (crew.fallen or await tx.outbox.stuck(Actor.STEWARD, UNHEARD))

    async def warden() -> bool:
        return parts.well("warden")

    async def network() -> bool:
        return not await parts.reconciling.back()

    checks = (homeserver, database, bots, gate, scheduler, outbox, warden, network)
    return {check.__name__: check for check in checks}


@asynccontextmanager
async def _listening(routes: list[web.RouteDef], address: tuple[str, int]) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes(routes)
    harden(app)
    async with listening(app, *address):
        yield


@asynccontextmanager
async def _gate(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """The gate's table: projected whole at the start, kept in step by the outbox, mended when it is lost."""
    file = GateFile(parts.home.gate_file)
    await _project(parts, file)
    parts.signs["gate"] = file.sound
    schedule = Schedule()
    schedule.every(MENDING, "mend-gate", partial(_mend, parts, file))
    crew.start("gate-mending", schedule.run())
    secret = parts.home.secret("gate.secret").read_text().strip()
    async with Api(parts.addresses.homeserver, secret) as gate:
        actor = GateActor(file, gate, parts.roster.forget)
        async with draining(parts, crew, Drain(parts.work, Actor.GATE, actor.handlers, parts.clock)):
            yield


async def _project(parts: Parts, file: GateFile) -> None:
    """Write the whole table, again until nothing changes: meanwhile the outbox may have written too."""
    while True:
        projection = await parts.access.projection()
        tokens = {one.token_hash: Token(one.localpart, one.expires) for one in projection.tokens}
        changed = file.replace(projection.allow, tokens, projection.frozen)
        log.info("gate-projected", rows=changed)
        if not changed:
            return


async def _mend(parts: Parts, file: GateFile) -> None:
    """Somebody deleted or damaged the table: every invitation would be told that it is over."""
    if not file.sound():
        log.error("gate-lost")
        file.discard()
        await _project(parts, file)


@asynccontextmanager
async def _registrar(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """Registration tokens, and the end of sessions."""
    token = parts.home.secret("registrar.token").read_text().strip()
    async with Admin(parts.addresses.homeserver, token) as admin:
        await _missed_arrivals(parts, admin)
        actor = RegistrarActor(admin)
        async with draining(parts, crew, Drain(parts.work, Actor.REGISTRAR, actor.handlers, parts.clock)):
            yield


async def _missed_arrivals(parts: Parts, admin: Admin) -> None:
    """Admit those who registered while nobody listened."""
    for user_id in await parts.members.awaited():
        if await admin.user(user_id) is not None:
            await parts.members.arrived(user_id)


@asynccontextmanager
async def _schedule(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """What time brings: invitations run out, what has served its purpose is erased."""
    schedule = Schedule()
    schedule.every(timedelta(minutes=10), "expire-invitations", parts.members.expire_due)
    schedule.every(timedelta(seconds=15), "tend-proposals", parts.approvals.tend)
    schedule.every(timedelta(seconds=15), "remind-of-gatherings", parts.gatherings.remind_due)
    schedule.every(timedelta(hours=1), "retention", parts.retention.sweep)
    schedule.every(timedelta(seconds=5), "checkpoints", parts.checkpoints.tend)
    crew.start("schedule", schedule.run())
    parts.signs["schedule"] = lambda: schedule.running
    try:
        yield
    finally:
        await crew.stop("schedule")


PARTS: Mapping[str, Part] = {
    "web": _web,
    "gate": _gate,
    "registrar": _registrar,
    "warden": overseeing,
    "alarm": partial(speaking, actor=Actor.ALARM),
    "desk": partial(speaking, actor=Actor.DESK),
    "steward": partial(speaking, actor=Actor.STEWARD),
    "schedule": _schedule,
    "audit": auditing,
}
"""Everything `banyan serve --only` knows, in the order in which it starts."""


MAY_FAIL = frozenset(actor.value for actor in SPEAKERS)
"""Parts without which the others still serve people."""


@asynccontextmanager
async def serving(parts: Parts, only: frozenset[str] = frozenset()) -> AsyncIterator[Crew]:
    """Run the parts, or `only` some, until the block ends. Raise `UsedWrongly` for an unknown part."""
    if unknown := only - PARTS.keys():
        raise UsedWrongly(f"There is no part {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}.")
    async with AsyncExitStack() as stack:
        crew = await stack.enter_async_context(Crew())
        for name, part in PARTS.items():
            if not only or name in only:
                try:
                    await stack.enter_async_context(part(parts, crew))
                except BanyanError as error:
                    if name not in MAY_FAIL or name in only:
                        raise
                    # the others are needed all the more; /health names the one that is missing
                    log.error("part-not-started", part=name, why=error.code)  # noqa: TRY400
        yield crew
