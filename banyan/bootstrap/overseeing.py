"""The warden at work: it puts rooms right, and an eye is kept on our own accounts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from banyan.bootstrap.baseline import baseline_of
from banyan.bootstrap.crew import Crew, draining
from banyan.bootstrap.home import Parts
from banyan.domain.effects import Actor
from banyan.domain.people import OUR_LOCALPARTS
from banyan.domain.rooms import RoomKey
from banyan.errors import BanyanError
from banyan.matrix import Api, Unauthorized
from banyan.schedule import Job, Schedule
from banyan.services.outbox import Drain
from banyan.services.reconciling import Reconciling, Standing
from homeserver.acting import OwnAccounts
from homeserver.admin import Admin
from homeserver.desired import DesiredRoom, desired
from homeserver.gatefile import GateFile
from homeserver.locators import locator_of
from homeserver.matrix import Matrix
from homeserver.names import KEEPER, REGISTRAR
from homeserver.warden import WardenActor
from homeserver.warden_partners import PartnerRooms
from homeserver.watch import Watch, Watched

WATCH_EVERY: Final = timedelta(seconds=30)

LOOK_EVERY: Final = timedelta(seconds=15)
"""How soon a service that stood back notices that its network file is the one that is applied."""

log = structlog.get_logger()


@asynccontextmanager
async def overseeing(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """Carry out what is asked of the warden, look at everything once, and watch our own accounts."""
    url, user_id = parts.addresses.homeserver, parts.accounts.warden
    as_token = _secret(parts, "warden.as_token")
    async with (
        Admin(url, _secret(parts, "registrar.token")) as admin,
        Matrix(url, as_token, as_user=user_id) as warden,
        OwnAccounts(
            url, parts.accounts, parts.home.secrets, GateFile(parts.home.gate_file), without_keeper=True
        ) as own,
    ):
        actor = WardenActor(parts.eye, own, parts.accounts, parts.reconciling, partial(wanted, parts))
        handlers = {**actor.handlers, **PartnerRooms(warden).handlers}
        async with draining(parts, crew, Drain(parts.work, Actor.WARDEN, handlers, parts.clock)):
            await _ask_for_what_was_missed(url, as_token)
            watch, tokens = Watch(admin, warden), await _token_devices(parts)

            async def look() -> None:
                try:
                    found = await watch.look(_watched(parts, tokens))
                except Exception as error:
                    await parts.vigil.failed(error)
                    raise
                await parts.vigil.report(found)

            schedule = Schedule()
            schedule.every(WATCH_EVERY, "watch-accounts", look)
            schedule.every(LOOK_EVERY, "look-after-rooms", whole_look(parts.reconciling, actor))
            crew.start("watch", schedule.run())
            parts.signs["warden"] = lambda: parts.vigil.calm
            try:
                yield
            finally:
                await crew.stop("watch")


def wanted(parts: Parts, standing: Standing) -> Mapping[RoomKey, DesiredRoom]:
    """What every room must look like, by the network file and our books."""
    rooms = desired(
        parts.network,
        parts.accounts,
        locator_of(parts.vault),
        standing.powers,
        frozen=standing.frozen,
        cut=standing.cut,
    )
    return {room.key: room for room in rooms}


def whole_look(reconciling: Reconciling, actor: WardenActor) -> Job:
    """Return what looks at every room once: at the start, and whenever we stood back, however shortly."""
    told = False

    async def look() -> None:
        nonlocal told
        standing = await reconciling.standing()
        if standing is None:
            actor.missed = True
            if not told:
                await reconciling.tell_back()
                told = True
        elif actor.missed:
            drifted = await actor.drifted(standing)
            if drifted:
                await reconciling.ask(drifted)
            log.info("rooms-looked-at", rooms=len(standing.rooms), drifted=len(drifted))
            told = False

    return look


def _watched(parts: Parts, tokens: Mapping[str, str | None]) -> list[Watched]:
    """Our accounts, and what each ought to have by now: a bot whose identity was replaced takes a new one."""
    files = baseline_of(parts.home, parts.spec)
    devices = {**tokens, **files.devices}
    return [
        Watched(
            name,
            getattr(parts.accounts, name),
            devices.get(name),
            files.identities.get(name),
            files.retired.get(name, frozenset()),
        )
        for name in OUR_LOCALPARTS
    ]


async def _token_devices(parts: Parts) -> Mapping[str, str | None]:
    return {name: await _token_device(parts, name) for name in (KEEPER, REGISTRAR)}


async def _token_device(parts: Parts, name: str) -> str | None:
    """The device of an account that has a token only, noted: the keeper's token is mostly offline."""
    file, note = parts.home.secret(f"{name}.token"), f"device:{name}"
    if file.exists():
        async with Matrix(parts.addresses.homeserver, file.read_text().strip()) as account:
            try:
                device_id = (await account.whoami()).get("device_id")
            except Unauthorized:
                device_id = None
        if device_id:
            async with parts.work() as tx:
                if await tx.noted.get(note) != device_id:
                    await tx.noted.set(note, device_id)
            return str(device_id)
    async with parts.work.reading() as tx:
        return await tx.noted.get(note)


async def _ask_for_what_was_missed(url: str, as_token: str) -> None:
    """Have the homeserver deliver what it kept while we were away: by itself it may wait for minutes."""
    async with Api(url, as_token, patience=10) as service:
        try:
            await service.request("POST", "/_matrix/client/v1/appservice/warden/ping")
        except BanyanError as error:
            log.warning("warden-not-heard", why=type(error).__name__)


def _secret(parts: Parts, name: str) -> str:
    return parts.home.secret(name).read_text().strip()
