"""The audit in a running network, and as the operator asks for it on the machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from banyan.bootstrap.crew import Crew
from banyan.bootstrap.home import Parts, open_home
from banyan.bootstrap.waiting import must_exist
from banyan.domain.findings import Audit
from banyan.errors import NotFound
from banyan.network import Network
from banyan.schedule import Schedule
from banyan.services.audit import WANTED, concerning
from banyan.services.rounds import Rounds
from banyan.settings import Home

TENDED: Final = timedelta(seconds=15)
"""The longest that an audit which another process wants has to wait."""


@dataclass(frozen=True)
class Audited:
    """An audit, and the network that it was made of."""

    audit: Audit
    network: Network


@asynccontextmanager
async def auditing(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """Audits of themselves: at the start, every morning, after an `apply`."""
    rounds = Rounds(parts.audits, parts.work, parts.clock, parts.network, parts.reconciling.back)
    schedule = Schedule()
    schedule.every(TENDED, "audit", rounds.tend)
    crew.start("audits", schedule.run())
    try:
        yield
    finally:
        await crew.stop("audits")


async def want_audit(parts: Parts) -> None:
    """Have the running service make one: something was changed here, and it cannot be told otherwise."""
    async with parts.work() as tx:
        await tx.noted.set(WANTED, parts.ids.opaque())


async def audit_now(home: Home, *, room: str | None = None, member: str | None = None) -> Audited:
    """Make an audit and keep it; what is returned concerns that room, that member, or everything.

    `room` is a key or an id, `member` a pseudonym or a user id. Raise `NotFound` before anything is looked
    at, `Blind` where the homeserver cannot be seen.
    """
    must_exist(home)
    async with open_home(home) as parts:
        names = [
            *(await _room(parts, room) if room else ()),
            *(await _member(parts, member) if member else ()),
        ]
        audit = await parts.audits.run("asked")
        if names:
            audit = replace(audit, judgement=concerning(audit.judgement, *names))
        return Audited(audit, parts.network)


async def _room(parts: Parts, name: str) -> tuple[str, str]:
    """Return how findings may call a room."""
    async with parts.work.reading() as tx:
        rooms = await tx.rooms.all()
    for room in rooms:
        if name in (room.key, room.room_id):
            return room.key, room.room_id
    if name.startswith("!"):
        return name, name  # one that is not in our books
    raise NotFound(f"There is no room {name!r}: the network has {', '.join(sorted(r.key for r in rooms))}.")


async def _member(parts: Parts, name: str) -> tuple[str, str]:
    """Return how findings may call a member."""
    localpart = parts.accounts.localpart(name) if name.startswith("@") else name
    async with parts.work.reading() as tx:
        known = await tx.members.by_localpart(localpart) if localpart else None
    if known is None:
        raise NotFound("There is no member of that name; `banyan member list` shows them.")
    return known.localpart, parts.accounts.member(known.localpart)
