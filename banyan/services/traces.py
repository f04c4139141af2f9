"""What is said in a member's chat with the desk is erased after a time: on a seized phone it is evidence.

The desk, who stands above everybody there, redacts what either side has said. A redaction waits in the outbox
like any other effect, so nothing is forgotten over a restart.
"""

from datetime import datetime, timedelta

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member
from banyan.services.ports import Clock, UnitOfWork, Work

ORDINARY = timedelta(hours=24)
SHORT = timedelta(minutes=10)
"""For what must not be found on a phone: what a room is for, a link that lets somebody in."""


async def forget_event(tx: UnitOfWork, room_id: str, event_id: str, at: datetime) -> None:
    """Have the desk erase that event at that moment. The first moment asked for stands."""
    await tx.outbox.put(
        NewEffect(
            Actor.DESK,
            "redact",
            {"room_id": room_id, "event_id": event_id},
            dedupe=f"redact:{event_id}",
            not_before=at,
            secret=True,
        )
    )


class Traces:
    """The same for those who are in no unit of work."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def forget(self, room_id: str, event_id: str, lasts: timedelta) -> None:
        """Have the desk erase that event after that time. Safe to repeat."""
        async with self._work() as tx:
            await forget_event(tx, room_id, event_id, self._clock.now() + lasts)

    async def owner(self, room_id: str) -> Member | None:
        """The member whose chat with the desk that is, admitted or not; None for any other room."""
        async with self._work.reading() as tx:
            return await tx.members.by_chat(room_id)
