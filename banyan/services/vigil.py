"""When something is seen that should never be: it is written down, and the security staff are told."""

from collections.abc import Set as AbstractSet

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.rooms import RoomKind, room_key
from banyan.services.ports import Work

SECURITY = room_key(RoomKind.STAFF, "security")


class Vigil:
    """Remembers what is seen, and speaks once when it begins."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._seen: frozenset[str] = frozenset()

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong as of the last look."""
        return not self._seen

    async def report(self, found: AbstractSet[str]) -> None:
        """Tell what a look found: reason codes, none when all is well."""
        new = sorted(frozenset(found) - self._seen)
        if new:
            await self._tell(new)
        self._seen = frozenset(found)

    async def _tell(self, reasons: list[str]) -> None:
        async with self._work() as tx:
            room = await tx.rooms.get(SECURITY)
            for reason in reasons:
                await tx.log.append(NewEntry(Action.INTRUSION_SEEN, "service:watch", "warden", reason=reason))
                if room is not None:
                    payload = {"room_id": room.room_id, "language": room.language, "reason": reason}
                    await tx.outbox.put(NewEffect(Actor.STEWARD, "warn", payload, lane=room.room_id))
