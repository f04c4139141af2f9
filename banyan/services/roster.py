"""Who ought to be in which room, by our own books: keys are shared with nobody else (threats.md T7)."""

from collections import defaultdict
from collections.abc import Callable

from banyan.domain.people import Accounts, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.services.ports import Work

RoomsOf = Callable[[Placement], frozenset[RoomKey]]
"""The policy that turns a placement into rooms."""


class Roster:
    """Room id → user ids of the members whom the network put there.

    Read from the database once and kept until `forget`; a commit that moves people or rooms must be
    followed by `forget`.
    """

    def __init__(self, work: Work, accounts: Accounts, rooms_of: RoomsOf) -> None:
        self._work = work
        self._accounts = accounts
        self._rooms_of = rooms_of
        self._rooms: dict[str, frozenset[str]] | None = None
        self._moves = 0

    def forget(self) -> None:
        """Something moved: read again at the next question."""
        self._rooms = None
        self._moves += 1

    async def allowed(self, room_id: str) -> frozenset[str]:
        """User ids of members who ought to be in that room; empty for a room we know nothing of."""
        rooms = self._rooms
        while rooms is None:
            moves = self._moves
            rooms = await self._read()
            if moves == self._moves:
                self._rooms = rooms
            else:  # somebody moved while we read: what we read may be old
                rooms = None
        return rooms.get(room_id, frozenset())

    async def _read(self) -> dict[str, frozenset[str]]:
        async with self._work.reading() as tx:
            ids = {room.key: room.room_id for room in await tx.rooms.all()}
            members = await tx.members.all(MemberStatus.ADMITTED)
        people: defaultdict[str, set[str]] = defaultdict(set)
        for member in members:
            user_id = self._accounts.member(member.localpart)
            for key in self._rooms_of(member.placement):
                if key in ids:
                    people[ids[key]].add(user_id)
            if member.chat:
                people[member.chat].add(user_id)
        return {room_id: frozenset(users) for room_id, users in people.items()}
