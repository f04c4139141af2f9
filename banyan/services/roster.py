"""Who ought to be in which room, by our own books: keys are shared with nobody else (threats.md T7)."""

import time
from collections.abc import Callable

from banyan.domain.effects import Actor
from banyan.domain.people import Accounts, MemberStatus
from banyan.network import Network
from banyan.services.ports import Work
from policies.placement import members_by_room

LOOKS = 1.0
"""Seconds after which we look whether another process has moved anybody: it cannot tell us."""


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
        network: Network,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` is in seconds."""
        self._work = work
        self._accounts = accounts
        self._network = network
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
            standing = await tx.rooms.all()
            members = await tx.members.all(MemberStatus.ADMITTED)
            latest = await tx.outbox.latest(Actor.GATE)
        people = members_by_room(self._network, self._accounts, members)
        chats = {
            member.chat: frozenset({self._accounts.member(member.localpart)})
            for member in members
            if member.chat
        }
        return {room.room_id: people.get(room.key, frozenset()) for room in standing} | chats, latest
