"""When something is seen that should never be: it is written down, and the security staff are told."""

from collections.abc import Iterable, Mapping
from typing import Any

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.rooms import RoomKind, room_key
from banyan.services.ports import UnitOfWork, Work

SECURITY = room_key(RoomKind.STAFF, "security")

PATIENCE = 3
"""Looks that may fail in a row before it counts as not being able to look at all."""

Sign = tuple[str, str]
"""A reason code, and the name of the account of ours that it is about."""


async def warn(tx: UnitOfWork, reason: str, *, once: str | None = None, **values: str) -> None:
    """Have the steward warn the security staff. `values` fill the text; `once` as in `tell_security`."""
    await tell_security(tx, "warn", {"reason": reason, "values": values}, once=once)


async def tell_security(
    tx: UnitOfWork, kind: str, payload: Mapping[str, Any], *, once: str | None = None
) -> None:
    """Have the steward tell the security staff; nothing where they have no room.

    With `once`, what was told under that name is not told again.
    """
    room = await tx.rooms.get(SECURITY)
    if room is not None:
        about = {"room_id": room.room_id, "language": room.language, **payload}
        await tx.outbox.put(NewEffect(Actor.STEWARD, kind, about, lane=room.room_id, dedupe=once))


class Vigil:
    """Remembers what is seen, and speaks once when it begins."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._seen: frozenset[Sign] = frozenset()
        self._failed = 0

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong as of the last look, and there was one of late."""
        return not self._seen and self._failed < PATIENCE

    def failed(self) -> None:
        """A look failed: whoever takes away what we look with must not go unseen for it."""
        self._failed += 1

    async def report(self, found: Iterable[Sign]) -> None:
        """Tell what a look found; nothing when all is well."""
        self._failed = 0
        seen = frozenset(found)
        new = sorted(seen - self._seen)
        if new:
            await self._tell(new)
        self._seen = seen

    async def _tell(self, signs: list[Sign]) -> None:
        async with self._work() as tx:
            for reason, account in signs:
                await tx.log.append(NewEntry(Action.INTRUSION_SEEN, "service:watch", account, reason=reason))
                await warn(tx, reason, account=account)
