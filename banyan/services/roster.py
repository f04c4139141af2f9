"""Who ought to be in which room, by our own books: keys are shared with nobody else (threats.md T7)."""

import time
from collections import defaultdict
from collections.abc import Callable

from banyan.domain.effects import Actor
from banyan.domain.people import Accounts, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.services.ports import Work

LOOKS = 1.0
"""Seconds after which we look whether another process has moved anybody: it cannot tell us."""

RoomsOf = Callable[[Placement], frozenset[RoomKey]]
"""The policy that turns a placement into rooms."""


class Roster:
    """Room id → user ids of the members whom the network put there.

    Read from the database and kept until somebody moves. Whoever moves, the gate has to know: so a commit
    that wrote an effect for the gate is followed by `notify` in this process, and is seen within `LOOKS` in
    another.
    """

    actor = Actor.GATE

    def __init__(
        self,
        work: Work,
        accounts: Accounts,
        rooms_of: RoomsOf,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` is in seconds."""
        self._work = work
        self._accounts = accounts
        self._rooms_of = rooms_of
        self._monotonic = monotonic
        self._rooms: dict[str, frozenset[str]] | None = None
        self._moves = 0
        self._latest = 0
        """Number of the last effect for the gate when we read."""
        self._looked = 0.0

    def notify(self) -> None:
        """A commit of this process moved somebody (`Wakes`)."""
        self.forget()

    def forget(self) -> None:
        """Something moved: read again at the next question."""
        self._rooms = None
        self._moves += 1

    async def allowed(self, room_id: str) -> frozenset[str]:
        """User ids of members who ought to be in that room; empty for a room we know nothing of."""
        if self._monotonic() - self._looked >= LOOKS:
            await self._look()
        rooms = self._rooms
        while rooms is None:
            moves = self._moves
            rooms, latest = await self._read()
            if moves == self._moves:
                self._rooms, self._latest = rooms, latest
            else:  # somebody moved while we read: what we read may be old
                rooms = None
        return rooms.get(room_id, frozenset())

    async def _look(self) -> None:
        self._looked = self._monotonic()  # before we wait: thirty rooms at once look once
        async with self._work.reading() as tx:
            latest = await tx.outbox.latest(Actor.GATE)
        if latest != self._latest:
            self.forget()

    async def _read(self) -> tuple[dict[str, frozenset[str]], int]:
        async with self._work.reading() as tx:
            ids = {room.key: room.room_id for room in await tx.rooms.all()}
            members = await tx.members.all(MemberStatus.ADMITTED)
            latest = await tx.outbox.latest(Actor.GATE)
        people: defaultdict[str, set[str]] = defaultdict(set)
        for member in members:
            user_id = self._accounts.member(member.localpart)
            for key in self._rooms_of(member.placement):
                if key in ids:
                    people[ids[key]].add(user_id)
            if member.chat:
                people[member.chat].add(user_id)
        return {room_id: frozenset(users) for room_id, users in people.items()}, latest
