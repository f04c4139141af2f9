"""A homeserver that remembers: rooms of version 12 with the rules that growing depends on."""

import asyncio
import copy
import math
from dataclasses import dataclass, field

from banyan.domain.people import Accounts
from banyan.matrix import MatrixError

MEMBER = "m.room.member"


class Died(BaseException):
    """The process that applies is gone: no handler runs."""


@dataclass
class FakeRoom:
    creator: str
    created: int
    state: dict[tuple[str, str], dict] = field(default_factory=dict)

    def membership(self, user_id: str) -> str:
        return self.state.get((MEMBER, user_id), {}).get("membership", "leave")

    @property
    def joined(self) -> set[str]:
        return {user for kind, user in self.state if kind == MEMBER and self.membership(user) == "join"}

    @property
    def levels(self) -> dict:
        return self.state.get(("m.room.power_levels", ""), {})

    def level(self, user_id: str) -> float:
        held = self.levels.get("users", {}).get(user_id, 0)
        return held if user_id != self.creator and isinstance(held, int) else math.inf

    def content(self, kind: str) -> dict:
        return self.state[kind, ""]


class FakeHomeserver:
    """`homeserver.acting.Homeserver`. Can die before or after any of its writes."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.keeper_is_here = True
        self.rooms: dict[str, FakeRoom] = {}
        self.allowed: set[tuple[str, str]] = set()
        """The gate's rows for our speaking accounts: user id and room id."""
        self.writes: list[str] = []
        self.most_at_once = 0
        self.dies_at: int | None = None
        """Number of the write, counted from 0, at which the applying process dies."""
        self.dies_after_effect = False
        """Whether that write still takes effect."""
        self.finishes_later: list[FakeRoom] = []
        """Rooms asked for by a process that died; the homeserver is still making them."""
        self._ids = 0
        self._busy = 0

    # what tests look at and do behind everybody's back

    def named(self, name: str) -> FakeRoom:
        (room,) = [room for room in self.rooms.values() if room.content("m.room.name")["name"] == name]
        return room

    def id_of(self, room: FakeRoom) -> str:
        return next(room_id for room_id, each in self.rooms.items() if each is room)

    def add_room(self, creator: str, **memberships: str) -> str:
        """A room of nothing but its creator, as one interrupted in the making."""
        room = FakeRoom(creator, self._ids)
        room.state["m.room.create", ""] = {"room_version": "12"}
        room.state[MEMBER, creator] = {"membership": "join"}
        for localpart, membership in memberships.items():
            room.state[MEMBER, self.accounts.member(localpart)] = {"membership": membership}
        return self._keep(room)

    def put_member(self, room: FakeRoom, user_id: str, membership: str = "join") -> None:
        room.state[MEMBER, user_id] = {"membership": membership}

    # the port

    def can_act_as(self, user_id: str) -> bool:
        return user_id != self.accounts.keeper or self.keeper_is_here

    async def joined_rooms(self, as_: str) -> list[str]:
        await asyncio.sleep(0)
        assert self.can_act_as(as_)
        return [room_id for room_id, room in self.rooms.items() if as_ in room.joined]

    async def state(self, as_: str, room_id: str) -> list[dict]:
        self._busy += 1
        self.most_at_once = max(self.most_at_once, self._busy)
        await asyncio.sleep(0)
        self._busy -= 1
        room = self.rooms[room_id]
        self._need(as_ in room.joined)
        return [
            {
                "type": kind,
                "state_key": key,
                "content": copy.deepcopy(content),
                "sender": room.creator,
                "origin_server_ts": room.created,
            }
            for (kind, key), content in room.state.items()
        ]

    async def create_room(self, as_: str, body: dict) -> str:
        room = FakeRoom(as_, self._ids)
        room.state["m.room.create", ""] = {**body["creation_content"], "room_version": body["room_version"]}
        room.state[MEMBER, as_] = {"membership": "join"}
        for event in body["initial_state"]:
            room.state[event["type"], event["state_key"]] = copy.deepcopy(dict(event["content"]))
        assert as_ not in room.levels["users"], "v12 refuses creators in the list"
        for user_id in body["invite"]:
            self.put_member(room, user_id, "invite")
        async with self._write("create"):
            room_id = self._keep(room)
            if self.finishes_later:
                self._keep(self.finishes_later.pop())
        return room_id

    async def put_state(self, as_: str, room_id: str, kind: str, content: dict, state_key: str = "") -> None:
        room = self.rooms[room_id]
        events = room.levels.get("events")
        default = room.levels.get("state_default", 50)
        needed = events.get(kind, default) if isinstance(events, dict) else default
        self._need(as_ in room.joined and room.level(as_) >= needed)
        if kind == "m.room.power_levels":
            new, old = content["users"], room.levels.get("users", {})
            changed = {user for user in {*new, *old} - {as_} if new.get(user) != old.get(user)}
            self._need(all(room.level(user) < room.level(as_) for user in changed))
        async with self._write(kind):
            room.state[kind, state_key] = copy.deepcopy(dict(content))

    async def invite(self, as_: str, room_id: str, user_id: str) -> None:
        room = self.rooms[room_id]
        self._need(as_ in room.joined and room.level(as_) >= room.levels["invite"])
        self._need(room.membership(user_id) != "join")
        async with self._write("invite"):
            self.put_member(room, user_id, "invite")

    async def allow(self, user_id: str, room_id: str) -> None:
        self.allowed.add((user_id, room_id))

    async def join(self, as_: str, room_id: str) -> None:
        room = self.rooms[room_id]
        self._need(self.can_act_as(as_) and room.membership(as_) in {"invite", "join"})
        self._need(as_ not in self.accounts.speakers or (as_, room_id) in self.allowed)
        async with self._write("join"):
            self.put_member(room, as_)

    async def kick(self, as_: str, room_id: str, user_id: str) -> None:
        room = self.rooms[room_id]
        self._need(as_ in room.joined and room.level(as_) >= room.levels["kick"])
        self._need(room.level(as_) > room.level(user_id))
        async with self._write("kick"):
            self.put_member(room, user_id, "leave")

    async def leave(self, as_: str, room_id: str) -> None:
        async with self._write("leave"):
            self.put_member(self.rooms[room_id], as_, "leave")

    async def delete_room(self, room_id: str) -> None:
        async with self._write("delete"):
            self.rooms.pop(room_id, None)

    def _keep(self, room: FakeRoom) -> str:
        self._ids += 1
        room_id = f"!{self._ids:03}"
        self.rooms[room_id] = room
        return room_id

    def _need(self, holds: bool) -> None:
        if not holds:
            raise MatrixError(403, "M_FORBIDDEN")

    def _write(self, what: str) -> "_Write":
        return _Write(self, what)


class _Write:
    def __init__(self, homeserver: FakeHomeserver, what: str) -> None:
        self._homeserver = homeserver
        self._what = what

    async def __aenter__(self) -> None:
        fake = self._homeserver
        fake._busy += 1
        fake.most_at_once = max(fake.most_at_once, fake._busy)
        await asyncio.sleep(0)
        fake._busy -= 1
        self._dies = fake.dies_at is not None and len(fake.writes) >= fake.dies_at
        if self._dies and not fake.dies_after_effect:
            raise Died
        fake.writes.append(self._what)

    async def __aexit__(self, *_: object) -> None:
        if self._dies:
            raise Died


class FakeBooks:
    """What we have written down, and in which order. Can die at any writing."""

    def __init__(self) -> None:
        self.rows = {}
        self.recorded = []
        self.dies_at: int | None = None

    async def __call__(self):
        return list(self.rows.values())

    async def record(self, recorded) -> None:
        await asyncio.sleep(0)
        if self.dies_at is not None and len(self.recorded) >= self.dies_at:
            raise Died
        self.recorded.append(recorded)
        if recorded.room is None:
            self.rows.pop(recorded.key, None)
        else:
            self.rows[recorded.key] = recorded.room
