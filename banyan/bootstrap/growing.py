"""Growing from the command line and at start-up: the homeserver's rooms become what the network file says."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from banyan.bootstrap.home import Parts
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import NewEntry
from banyan.domain.people import LET_IN
from banyan.domain.rooms import Room, RoomKey
from banyan.services.looking import powers
from banyan.services.ports import UnitOfWork
from banyan.services.reconciling import everybody
from homeserver.acting import OwnAccounts
from homeserver.apply import Progress, Report, Unwatched
from homeserver.desired import desired
from homeserver.gatefile import GateFile
from homeserver.growing import Grower
from homeserver.locators import locator_of
from homeserver.reconcile import People
from homeserver.steps import Recorded


@asynccontextmanager
async def grower(parts: Parts, progress: Progress | None = None) -> AsyncIterator[Grower]:
    """A grower over the running homeserver of this home."""

    async def books() -> list[Room]:
        async with parts.work.reading() as tx:
            return list(await tx.rooms.all())

    async def record(what: Recorded) -> None:
        async with parts.work() as tx:
            before = await tx.rooms.get(what.key)
            if before is not None and (what.room is None or what.room.room_id != before.room_id):
                await tx.outbox.put(NewEffect(Actor.GATE, "close", {"room_id": before.room_id}))
            if what.room is not None:
                known = await tx.rooms.by_id(what.room.room_id)  # what is frozen stays so
                await tx.rooms.put(replace(what.room, frozen=known is not None and known.frozen))
            else:
                await tx.rooms.remove(what.key)
            details = {"changes": ",".join(what.what)} if what.what else {}
            await tx.log.append(NewEntry(what.action, "operator", what.key, details=details))

    async with parts.work.reading() as tx:
        wanted = desired(
            parts.network,
            parts.accounts,
            locator_of(parts.vault),
            await powers(tx, parts.network, parts.accounts),
            frozen={room.key for room in await tx.rooms.all() if room.frozen},
            cut=await tx.cuts.all(),
        )
        people = await _people(parts, tx)
    async with OwnAccounts(
        parts.addresses.homeserver, parts.accounts, parts.home.secrets, GateFile(parts.home.gate_file)
    ) as homeserver:
        watch = progress or Unwatched()
        yield Grower(homeserver, parts.accounts, wanted, books, record, watch, people)


async def grow(parts: Parts, progress: Progress | None = None, *, allow_removals: bool = False) -> Report:
    """Make the rooms what the network file says, and let in whoever belongs in the new ones."""
    async with grower(parts, progress) as growing:
        report = await growing.grow(allow_removals=allow_removals)
    if report.created:
        await parts.access.reallow()
    await parts.partners.settle()
    await parts.reconciling.applied()
    return report


async def _people(parts: Parts, tx: UnitOfWork) -> Mapping[RoomKey, People]:
    """Who may be in each room.

    Where the network file was changed, a member who may not is somebody who loses the room by it; else it is
    somebody who was put there.
    """
    expected = await everybody(tx, parts.network, parts.accounts)
    members: frozenset[str] = frozenset()
    if not await parts.reconciling.is_applied(tx):
        there = await tx.members.all(*LET_IN)
        members = frozenset(parts.accounts.member(member.localpart) for member in there)
    return {
        room.key: People(expected.get(room.key, frozenset()), losing=members) for room in await tx.rooms.all()
    }
