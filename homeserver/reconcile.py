"""One room: what differs from what it ought to be, and what of that nobody can undo. Pure.

`apply` and the reconciler share it, so that the one never undoes what the other did.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from banyan.domain.people import Accounts
from banyan.domain.plan import Change, ClearState, Expel, LinkChild, Seat, SetState, Unseat
from banyan.domain.rooms import RoomKey
from banyan.domain.sight import SeenRoom
from banyan.services.looking import person
from homeserver.desired import DesiredRoom, StateEvent
from homeserver.observe import ObservedRoom
from policies.partners import OPEN_ACL
from policies.rooms import ALGORITHM, NEVER_EMPTIED, ROOM_KINDS, WARDEN

POWER: Final = "m.room.power_levels"
CHILD: Final = "m.space.child"
ACL: Final = "m.room.server_acl"

_NEUTRAL: Final[Mapping[str, Mapping[str, Any]]] = {
    # Synapse refuses these where they are empty
    ACL: OPEN_ACL,
    "m.room.name": {"name": ""},
    "m.room.topic": {"topic": ""},
}


class Loss(StrEnum):
    """What happened to a room that setting it back does not undo. Reason codes of log and warnings."""

    TOMBSTONE = "room-closed"
    ENCRYPTION = "room-encryption-changed"
    HISTORY = "room-history-opened"
    POWERLESS = "room-warden-powerless"
    OUT = "room-warden-out"
    GONE = "room-gone"


@dataclass(frozen=True)
class People:
    """Who may be in a room, beside our own accounts."""

    expected: Collection[str]
    """User ids."""
    losing: Collection[str] = ()
    """User ids of members who would lose the room only because the network file was changed."""


def mending(
    wanted: DesiredRoom,
    found: ObservedRoom,
    accounts: Accounts,
    parent_id: str | None,
    people: People | None = None,
    children: Mapping[str, DesiredRoom] | None = None,
) -> Iterator[Change]:
    """Yield what puts the room right, in the order in which it has to happen.

    `children` of a space are the rooms that hang under it, by id; None: they are not judged. `people` None:
    likewise.
    """
    key, warden = wanted.key, accounts.warden
    missing = [user_id for user_id in wanted.seats if user_id not in found.joined]
    if warden in missing:
        yield _seat(key, warden, found)
    yield from _state(wanted, found, parent_id)
    yield from _surplus(wanted, found, parent_id, children)
    for room_id, child in (children or {}).items():
        if found.state.get((CHILD, room_id)) != child.link:
            yield LinkChild(child.key, key)
    for user_id in missing:
        if user_id != warden:
            yield _seat(key, user_id, found)
    for user_id, membership in sorted(found.memberships.items()):
        if membership not in {"join", "invite", "knock"} or user_id in {*wanted.seats, accounts.keeper}:
            continue
        if user_id in accounts.all:
            yield Unseat(key, user_id)
        elif people is not None and user_id not in people.expected:
            yield Expel(key, user_id, loses=user_id in people.losing)


def losses(wanted: DesiredRoom, found: ObservedRoom, accounts: Accounts) -> Sequence[Loss]:
    """What nobody can undo."""
    state, kind = found.state, wanted.declared.kind
    lost = []
    if accounts.warden not in found.joined:
        lost.append(Loss.OUT)
    elif _level(state.get((POWER, ""), {}), accounts.warden) < WARDEN:
        lost.append(Loss.POWERLESS)
    if state.get(("m.room.tombstone", "")):
        lost.append(Loss.TOMBSTONE)
    encryption = state.get(("m.room.encryption", ""), {}).get("algorithm")
    if ROOM_KINDS[kind].encrypted and encryption != ALGORITHM:
        lost.append(Loss.ENCRYPTION)
    history = state.get(("m.room.history_visibility", ""), {}).get("history_visibility")
    if history not in ("joined", "invited"):
        lost.append(Loss.HISTORY)
    return lost


def says(wanted: DesiredRoom, event: StateEvent, parent_id: str | None, children: Collection[str]) -> bool:
    """Whether an event is what the network file asks for, whoever sent it. It knows of no one's roles."""
    for each in wanted.state(parent_id):
        if (each.type, each.state_key) == (event.type, event.state_key):
            return each.content == event.content
    if event.type == CHILD and event.state_key in children:
        return event.content == wanted.link
    return event.content in ({}, _NEUTRAL.get(event.type))


def emptied(change: ClearState) -> StateEvent:
    """Return the event that takes a state event's meaning away."""
    return StateEvent(change.type, _NEUTRAL.get(change.type, {}), change.state_key)


def thing(change: Change) -> str:
    """How repairs are counted: by type of state, or by person, who is not named."""
    match change:
        case SetState() | ClearState():
            return change.type
        case Seat() | Unseat() | Expel():
            return person(change.user_id)
        case LinkChild():
            return CHILD
        case _:
            return change.word


def as_observed(seen: SeenRoom) -> ObservedRoom:
    """Return what the eye saw as what the planner reads."""
    return ObservedRoom(seen.room_id, seen.creator, 0, seen.state, seen.members)


def under(
    desired: Mapping[RoomKey, DesiredRoom], space: RoomKey, ids: Mapping[RoomKey, str]
) -> Mapping[str, DesiredRoom]:
    """Return the existing rooms that hang under a space, by id. `ids` are those of the rooms in our books."""
    return {ids[room.key]: room for room in desired.values() if room.parent == space and room.key in ids}


def _seat(key: RoomKey, user_id: str, found: ObservedRoom) -> Seat:
    return Seat(key, user_id, invited=found.memberships.get(user_id) == "invite")


def _state(wanted: DesiredRoom, found: ObservedRoom, parent_id: str | None) -> Iterator[Change]:
    for event in wanted.state(parent_id):
        there = found.state.get((event.type, event.state_key))
        if there != event.content:
            yield SetState(wanted.key, event.type, _differing(there, event.content))


def _surplus(
    wanted: DesiredRoom,
    found: ObservedRoom,
    parent_id: str | None,
    children: Mapping[str, DesiredRoom] | None,
) -> Iterator[Change]:
    declared = {(event.type, event.state_key) for event in wanted.state(parent_id)}
    for (kind, state_key), content in sorted(found.state.items(), key=lambda item: item[0]):
        if (kind, state_key) in declared or kind in NEVER_EMPTIED:
            continue
        if kind == CHILD and (children is None or state_key in children):
            continue
        if content and content != _NEUTRAL.get(kind):
            yield ClearState(wanted.key, kind, state_key)


def _level(levels: Mapping[str, Any], user_id: str) -> float:
    users = levels.get("users")
    level = users.get(user_id) if isinstance(users, Mapping) else None
    return level if isinstance(level, int) else -1


def _differing(there: Mapping[str, object] | None, content: Mapping[str, object]) -> tuple[str, ...]:
    if there is None:
        return ()
    keys = {*there, *content}
    return tuple(sorted(key for key in keys if there.get(key) != content.get(key)))
