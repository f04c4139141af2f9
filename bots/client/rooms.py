"""The rooms we are in, as far as we need them: who is there, who may do what, is it encrypted.

nio forgets rooms at every restart, keeps those we have left, and knows nothing of version 12's creators
(facts that tests/bots/client/test_nio.py keeps an eye on).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Self

from bots.client.canonical import Json
from bots.client.events import Membership
from bots.client.store import Store

CREATORS_ABOVE_ALL = 12
"""First room version in which creators stand above every power level (MSC4289)."""

STATE_WE_KEEP = ("m.room.create", "m.room.encryption", "m.room.power_levels")

MESSAGES = 100
PERIOD_MS = 7 * 24 * 3600 * 1000
"""After how many messages and how long a key is replaced when the room says nothing (m.room.encryption)."""
SHORTEST_MS = 3600 * 1000
"""A room that says less means this."""

STATE_AFTER = "org.matrix.msc4222.state_after"
"""Where a /sync answer says what the state is at the end of a timeline, when asked to (MSC4222)."""

Action = Literal["invite", "kick", "ban", "redact"]


@dataclass(slots=True)
class Room:
    """One room, ours or one we are invited to."""

    room_id: str
    membership: str
    """Our own: `join` or `invite`."""
    state: dict[str, Json] = field(default_factory=dict)
    """Event of each type in STATE_WE_KEEP: `sender`, `content`."""
    members: dict[str, str] = field(default_factory=dict)
    """User id → `join` or `invite`."""
    last_event: str | None = None
    """The newest event whose handlers have run: where the filling of a gap ends."""

    @property
    def encrypted(self) -> bool:
        """Whether it was ever encrypted: that cannot be taken back, whatever the homeserver says later."""
        return "m.room.encryption" in self.state

    @property
    def encryption(self) -> Json:
        """Content of m.room.encryption; empty in a room in clear."""
        return self._content("m.room.encryption")

    @property
    def rotation_messages(self) -> int:
        """After how many messages somebody's key of this room is replaced."""
        return _positive(self.encryption.get("rotation_period_msgs"), MESSAGES)

    @property
    def rotation_ms(self) -> int:
        """After what time, in ms; an hour at least, as in apps: else an alarm had to share its key first."""
        return max(_positive(self.encryption.get("rotation_period_ms"), PERIOD_MS), SHORTEST_MS)

    @property
    def joined(self) -> frozenset[str]:
        """User ids of those who are in."""
        return frozenset(user_id for user_id, membership in self.members.items() if membership == "join")

    @property
    def creators(self) -> frozenset[str]:
        """Those above every power level; none before version 12."""
        create = self.state.get("m.room.create")
        if create is None or not _creators_above_all(create["content"].get("room_version", "1")):
            return frozenset()
        more = create["content"].get("additional_creators")
        return frozenset([create["sender"], *(more if isinstance(more, list) else [])])

    def power(self, user_id: str) -> float:
        """Power level; infinite for a creator of version 12 and later."""
        if user_id in self.creators:
            return inf
        if "m.room.power_levels" not in self.state:
            create = self.state.get("m.room.create")
            return 100 if create is not None and create["sender"] == user_id else 0
        levels = self._content("m.room.power_levels")
        return _level(_mapping(levels.get("users")).get(user_id), _level(levels.get("users_default"), 0))

    def may(self, user_id: str, action: Action, target: str | None = None) -> bool:
        """Whether somebody may do this, to `target` if there is one: nobody removes an equal."""
        needed = _level(self._content("m.room.power_levels").get(action), 0 if action == "invite" else 50)
        own = self.power(user_id)
        above = (
            target is None or action in ("invite", "redact") or target == user_id or self.power(target) < own
        )
        return self.members.get(user_id) == "join" and own >= needed and above

    def may_send(self, user_id: str, event_type: str, *, state: bool = False) -> bool:
        """Whether somebody may send an event of this type."""
        levels = self._content("m.room.power_levels")
        usual = (
            _level(levels.get("state_default"), 50 if levels else 0)
            if state
            else _level(levels.get("events_default"), 0)
        )
        needed = _level(_mapping(levels.get("events")).get(event_type), usual)
        return self.members.get(user_id) == "join" and self.power(user_id) >= needed

    def _content(self, event_type: str) -> Json:
        event = self.state.get(event_type)
        return event["content"] if event else {}


@dataclass(slots=True)
class Changes:
    """What one sync has changed."""

    memberships: list[Membership] = field(default_factory=list)
    """News about members, told again when the same sync is handled again."""
    rooms: set[str] = field(default_factory=set)
    """Joined rooms where a membership, the encryption or the powers are new."""
    gone: set[str] = field(default_factory=set)
    """Rooms we are no longer in, nor invited to."""

    def add(self, other: Self) -> None:
        """Take in another room's changes."""
        self.memberships += other.memberships
        self.rooms |= other.rooms
        self.gone |= other.gone


class Rooms(Mapping[str, Room]):
    """Every room we are in or invited to. Lives in the tables `room` and `member`."""

    def __init__(self, store: Store, user_id: str) -> None:
        self._store = store
        self._me = user_id
        self._rooms = {
            room_id: Room(room_id, membership, json.loads(state), last_event=last_event)
            for room_id, membership, state, last_event in store.rows("SELECT * FROM room")
        }
        for room_id, user, membership in store.rows("SELECT room_id, user_id, membership FROM member"):
            self._rooms[room_id].members[user] = membership

    def __getitem__(self, room_id: str) -> Room:
        return self._rooms[room_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def joined(self) -> list[Room]:
        """Rooms we are in."""
        return [room for room in self._rooms.values() if room.membership == "join"]

    def encrypted_company(self) -> set[str]:
        """Everybody who is in an encrypted room with us."""
        return {user for room in self.joined() if room.encrypted for user in room.joined}

    def apply(self, sync: Mapping[str, Any]) -> Changes:
        """Take in the room section of a /sync answer. Ill-formed events are passed over."""
        changes = Changes()
        sections = _mapping(sync.get("rooms"))
        for room_id, part in _mapping(sections.get("join")).items():
            known = self._membership(room_id) == "join"
            before, timeline, after = _around(part)
            changes.add(self.learn(room_id, "join", after))
            told = [event for event in before if known or event.get("state_key") == self._me]
            changes.memberships += _memberships(room_id, [*told, *timeline])
        for room_id, part in _mapping(sections.get("invite")).items():
            events = _events(part, "invite_state")
            changes.add(self.learn(room_id, "invite", events))
            changes.memberships += [
                news for news in _memberships(room_id, events) if news.user_id == self._me
            ]
        for room_id, part in _mapping(sections.get("leave")).items():
            before, timeline, _ = _around(part)
            changes.add(self._leave(room_id, [*before, *timeline]))
        return changes

    def learn(self, room_id: str, membership: str, events: Iterable[Any]) -> Changes:
        """Take in state of a room we are in or invited to, oldest first."""
        room = self._rooms.get(room_id)
        fresh = room is None or room.membership != membership
        if room is None or fresh:  # a room joined, or joined again, comes with its whole state
            room = self._rooms[room_id] = Room(room_id, membership)
        changes = Changes()
        touched: set[str] = set()
        state_changed = False
        for event in events:
            kind, key, content = event.get("type"), event.get("state_key"), event.get("content")
            if not isinstance(content, dict) or not isinstance(event.get("sender"), str):
                continue
            if kind == "m.room.member" and isinstance(key, str):
                if self._seat(room, key, content.get("membership")):
                    touched.add(key)
            elif kind in STATE_WE_KEEP and key == "":
                kept = {"sender": event["sender"], "content": content}
                if room.state.get(kind) != kept and not _takes_encryption_back(room, kind, content):
                    room.state[kind] = kept
                    state_changed = True
        if fresh or state_changed or touched:
            changes.rooms |= {room_id} if membership == "join" else set()
            self._save(room, touched, whole=fresh)
        return changes

    def handled(self, last_events: Mapping[str, str]) -> None:
        """Remember the newest event of each room that needs no more handling."""
        for room_id, event_id in last_events.items():
            if room_id in self._rooms:
                self._rooms[room_id].last_event = event_id
        rows = [(event_id, room_id) for room_id, event_id in last_events.items()]
        self._store.run_many("UPDATE room SET last_event = ? WHERE room_id = ?", rows)

    def leave(self, room_id: str) -> None:
        """Erase a room that we have left, without waiting for the sync to say so."""
        self._leave(room_id, ())

    def _leave(self, room_id: str, events: Iterable[Any]) -> Changes:
        news = [one for one in _memberships(room_id, events) if one.user_id == self._me]
        self._rooms.pop(room_id, None)
        self._store.forget_room(room_id)
        return Changes(memberships=news, gone={room_id})

    def _membership(self, room_id: str) -> str | None:
        room = self._rooms.get(room_id)
        return room.membership if room else None

    @staticmethod
    def _seat(room: Room, user_id: str, membership: Any) -> bool:
        if membership in ("join", "invite"):
            before = room.members.get(user_id)
            room.members[user_id] = membership
            return bool(before != membership)
        return room.members.pop(user_id, None) is not None

    def _save(self, room: Room, touched: set[str], *, whole: bool) -> None:
        with self._store.transaction():
            state = json.dumps(room.state)
            self._store.run(
                "REPLACE INTO room VALUES (?, ?, ?, ?)", room.room_id, room.membership, state, room.last_event
            )
            if whole:
                self._store.run("DELETE FROM member WHERE room_id = ?", room.room_id)
                touched = touched | set(room.members)
            present = [(room.room_id, user, room.members[user]) for user in touched if user in room.members]
            absent = [(room.room_id, user) for user in touched if user not in room.members]
            self._store.run_many("REPLACE INTO member VALUES (?, ?, ?)", present)
            self._store.run_many("DELETE FROM member WHERE room_id = ? AND user_id = ?", absent)


def _takes_encryption_back(room: Room, kind: str, content: Json) -> bool:
    return kind == "m.room.encryption" and room.encrypted and not content.get("algorithm")


def _creators_above_all(version: Any) -> bool:
    return not str(version).isdecimal() or int(version) >= CREATORS_ABOVE_ALL


def _events(part: Any, section: str) -> list[Mapping[str, Any]]:
    events = _mapping(_mapping(part).get(section)).get("events")
    return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []


def _around(part: Any) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """State events of one room that are not in its timeline, the timeline, and what makes the state after it.

    A homeserver that was asked says what the state is afterwards. Else a client has to lay the timeline over
    the state before it, which goes wrong where two events were made at the same moment: what happened beside
    a later message is told once, and with that message the state without it is told again.
    """
    timeline = _events(part, "timeline")
    if STATE_AFTER not in _mapping(part):
        state = _events(part, "state")
        return state, timeline, [*state, *timeline]
    after, shown = _events(part, STATE_AFTER), {event.get("event_id") for event in timeline}
    return [event for event in after if event.get("event_id") not in shown], timeline, after


def _memberships(room_id: str, events: Iterable[Mapping[str, Any]]) -> list[Membership]:
    news = []
    for event in events:
        user_id, sender = event.get("state_key"), event.get("sender")
        membership = _mapping(event.get("content")).get("membership")
        if event.get("type") == "m.room.member" and all(
            isinstance(x, str) for x in (user_id, sender, membership)
        ):
            news.append(Membership(room_id, str(user_id), str(membership), str(sender)))
    return news


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _level(value: Any, default: int) -> int:
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default


def _positive(value: Any, default: int) -> int:
    fine = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if fine else default
