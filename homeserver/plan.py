"""From what is declared and what is there to what has to change. Pure: asks nothing, touches nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from banyan.domain.people import Accounts
from banyan.domain.plan import (
    ArchiveRoom,
    Change,
    CreateRoom,
    ForgetRoom,
    KeeperLeaves,
    LinkChild,
    NoteRoom,
    Plan,
    PurgeRoom,
    Seat,
)
from banyan.domain.rooms import LOCATOR, Room, RoomKey
from homeserver.desired import DesiredRoom
from homeserver.observe import ObservedRoom
from homeserver.reconcile import People, mending
from policies.rooms import ROOM_VERSION


def plan(
    desired: Sequence[DesiredRoom],
    observed: Iterable[ObservedRoom],
    accounts: Accounts,
    books: Iterable[Room] = (),
    people: Mapping[RoomKey, People] | None = None,
) -> Plan:
    """Compare. `books` are the rooms we have written down; they settle which of two alike is the real one.

    `people` are those who may be in each room; None: nobody is judged.
    """
    return _Planner(desired, observed, accounts, books, people).plan()


class _Planner:
    def __init__(
        self,
        desired: Sequence[DesiredRoom],
        observed: Iterable[ObservedRoom],
        accounts: Accounts,
        books: Iterable[Room],
        people: Mapping[RoomKey, People] | None,
    ) -> None:
        self._desired = desired
        # other rooms the warden is in, made while the network runs, are none of our business
        self._books = {room.key: room for room in books}
        self._key_of = {room.room_id: room.key for room in self._books.values()}
        self._observed = {
            room.room_id: room
            for room in observed
            if room.creator == accounts.keeper or room.room_id in self._key_of
        }
        self._accounts = accounts
        self._people = people
        self._found: dict[RoomKey, ObservedRoom] = {}
        self._twins: list[tuple[RoomKey, ObservedRoom]] = []

    def plan(self) -> Plan:
        self._find()
        changes = [*self._purges()]
        for wanted in self._desired:
            found = self._found.get(wanted.key)
            changes += self._creation(wanted) if found is None else self._repairs(wanted, found)
        changes += self._closings()
        ids = {key: room.room_id for key, room in self._found.items()}
        return Plan(tuple(changes), ids, tuple(self._notes()))

    def _find(self) -> None:
        alike: dict[str, list[ObservedRoom]] = {}
        for room in self._observed.values():
            if room.locator is not None:
                alike.setdefault(room.locator, []).append(room)
        for wanted in self._desired:
            mark = next(str(event.content["id"]) for event in wanted.fixed if event.type == LOCATOR)
            known = self._books.get(wanted.key)
            # a room in our books is found even if its mark was lost
            candidates = {room.room_id: room for room in alike.get(mark, [])}
            if known is not None and known.room_id in self._observed:
                candidates[known.room_id] = self._observed[known.room_id]
            if not candidates:
                continue
            first = max(candidates.values(), key=lambda room: self._standing(room, known))
            self._found[wanted.key] = first
            self._twins += [(wanted.key, room) for room in candidates.values() if room is not first]

    @staticmethod
    def _standing(room: ObservedRoom, known: Room | None) -> tuple[bool, int, int, str]:
        in_books = known is not None and known.room_id == room.room_id
        return (in_books, len(room.joined), -room.created, room.room_id)

    def _purges(self) -> Iterator[Change]:
        for key, room in self._twins:
            yield PurgeRoom(key, room.room_id, room.people(self._accounts))
        for room in self._observed.values():
            half_made = room.locator is None and self._accounts.keeper in room.joined
            if half_made and room.room_id not in self._key_of:
                yield PurgeRoom(RoomKey(room.room_id), room.room_id, room.people(self._accounts))

    def _creation(self, wanted: DesiredRoom) -> Iterator[Change]:
        known = self._books.get(wanted.key)
        declared = wanted.declared
        yield CreateRoom(wanted.key, declared.kind, declared.name, lost=known.room_id if known else None)
        yield NoteRoom(wanted.key, new=True)
        for user_id in wanted.seats:
            yield Seat(wanted.key, user_id, invited=True)
        if wanted.parent is not None:
            yield LinkChild(wanted.key, wanted.parent)
        yield KeeperLeaves(wanted.key)

    def _repairs(self, wanted: DesiredRoom, found: ObservedRoom) -> Iterator[Change]:
        key = wanted.key
        known = self._books.get(key)
        if known is None or replace(known, frozen=False) != wanted.room(found.room_id):
            yield NoteRoom(key, new=known is None or known.room_id != found.room_id)
        people = self._people.get(key) if self._people is not None else None
        yield from mending(wanted, found, self._accounts, self._parent_id(wanted), people)
        if wanted.parent is not None and not self._is_linked(wanted, found):
            yield LinkChild(key, wanted.parent)
        if self._accounts.keeper in found.joined:
            yield KeeperLeaves(key)

    def _parent_id(self, wanted: DesiredRoom) -> str | None:
        parent = self._found.get(wanted.parent) if wanted.parent else None
        return parent.room_id if parent else None

    def _is_linked(self, wanted: DesiredRoom, found: ObservedRoom) -> bool:
        space = self._found.get(wanted.parent) if wanted.parent else None
        return space is not None and space.state.get(("m.space.child", found.room_id)) == wanted.link

    def _closings(self) -> Iterator[Change]:
        claimed = {room.room_id for room in self._found.values()} | {room.room_id for _, room in self._twins}
        for room in self._observed.values():
            if room.room_id in claimed or (room.locator is None and room.room_id not in self._key_of):
                continue
            key = self._key_of.get(room.room_id, RoomKey(room.room_id))
            yield ArchiveRoom(key, room.room_id, self._space_over(room), room.people(self._accounts))
        declared = {wanted.key for wanted in self._desired}
        for known in self._books.values():
            if known.key not in declared and known.room_id not in self._observed:
                yield ForgetRoom(known.key, known.room_id)

    def _space_over(self, room: ObservedRoom) -> str | None:
        for space in self._found.values():
            if space.state.get(("m.space.child", room.room_id)):
                return space.room_id
        return None

    def _notes(self) -> Iterator[str]:
        for wanted in self._desired:
            found = self._found.get(wanted.key)
            if found is None:
                continue
            create = found.state.get(("m.room.create", ""), {})
            if create.get("m.federate", True) != wanted.federates:
                yield f"{wanted.key}: whether it federates was fixed when it was made"
            if create.get("room_version") != ROOM_VERSION:
                yield f"{wanted.key}: is not of room version {ROOM_VERSION}; upgrade it"
