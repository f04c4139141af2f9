"""Growing from the command line and at start-up: the homeserver's rooms become what the network file says."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from banyan.bootstrap.home import Parts
from banyan.domain.log import NewEntry
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import Room, RoomKey
from homeserver.acting import OwnAccounts
from homeserver.apply import Progress, Report, Unwatched
from homeserver.desired import desired
from homeserver.gatefile import GateFile
from homeserver.growing import Grower
from homeserver.locators import locator_of
from homeserver.steps import Recorded
from policies.placement import powers_of, still_there


@asynccontextmanager
async def grower(parts: Parts, progress: Progress | None = None) -> AsyncIterator[Grower]:
    """A grower over the running homeserver of this home."""

    async def books() -> list[Room]:
        async with parts.work.reading() as tx:
            return list(await tx.rooms.all())

    async def record(what: Recorded) -> None:
        async with parts.work() as tx:
            if what.room is not None:
                await tx.rooms.put(what.room)
            else:
                await tx.rooms.remove(what.key)
            details = {"changes": ",".join(what.what)} if what.what else {}
            await tx.log.append(NewEntry(what.action, "operator", what.key, details=details))

    wanted = desired(parts.network, parts.accounts, locator_of(parts.vault), await _powers(parts))
    async with OwnAccounts(
        parts.addresses.homeserver, parts.accounts, parts.home.secrets, GateFile(parts.home.gate_file)
    ) as homeserver:
        yield Grower(homeserver, parts.accounts, wanted, books, record, progress or Unwatched())


async def grow(parts: Parts, progress: Progress | None = None, *, allow_removals: bool = False) -> Report:
    """Make the rooms what the network file says, and let in whoever belongs in the new ones."""
    async with grower(parts, progress) as growing:
        report = await growing.grow(allow_removals=allow_removals)
    if report.created:
        await parts.access.reallow()
    return report


async def _powers(parts: Parts) -> dict[RoomKey, dict[str, int]]:
    """Levels that people's roles give them: room → user id → level."""
    powers: defaultdict[RoomKey, dict[str, int]] = defaultdict(dict)
    for member in await parts.members.list(MemberStatus.ADMITTED):
        left = still_there(parts.network, member.placement)
        for key, level in powers_of(parts.network, left).items() if left else ():
            powers[key][parts.accounts.member(member.localpart)] = level
    return powers
