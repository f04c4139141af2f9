"""A client that remembers: rooms it made, what it sent, who is reachable."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeRoom:
    room_id: str
    joined: frozenset[str]
    state: dict[str, Any] = field(default_factory=dict)


class FakeRooms(dict[str, FakeRoom]):
    def joined(self) -> list[FakeRoom]:
        return list(self.values())


@dataclass
class FakeDevices:
    people: set[str] = field(default_factory=set)

    def reachable(self, user_id: str) -> bool:
        return user_id in self.people


class FakeClient:
    """What the desk and `Outgoing` need of `bots.client.Client`, as the homeserver behaves."""

    def __init__(self, user_id: str = "@desk:banyan.test", device_id: str = "DEVICE") -> None:
        self.user_id = user_id
        self.device_id = device_id
        self.rooms = FakeRooms()
        self.devices = FakeDevices()
        self.sent: list[dict[str, Any]] = []
        """Events that exist, each with `room_id`, `type`, `content`, `beside`, `id` and `at_ms`."""
        self.redacted: list[tuple[str, str]] = []
        """Room id and event id, once for every request."""
        self.refuses_with: Exception | None = None
        self.now_ms = 0
        self.dies_after_creating = False
        self._known: dict[tuple[str, str], str] = {}

    async def send(self, room_id, content, *, txn_id, type, beside):  # noqa: A002
        """As Synapse: the same device and transaction id make one event."""
        if self.refuses_with:
            raise self.refuses_with
        known = self._known.setdefault((self.device_id, txn_id), f"${len(self.sent)}")
        if known == f"${len(self.sent)}":
            event = {"room_id": room_id, "type": type, "content": content, "beside": beside}
            self.sent.append(event | {"at_ms": self.now_ms, "id": known})
        return known

    async def redact(self, room_id, event_id, *, txn_id):
        if self.refuses_with:
            raise self.refuses_with
        self.redacted.append((room_id, event_id))
        return "$redaction"

    async def find_own(self, room_id, key, value, *, not_before_ms):
        for event in reversed(self.sent):
            if (
                event["room_id"] == room_id
                and event["at_ms"] >= not_before_ms
                and event["beside"].get(key) == value
            ):
                return event["id"]
        return None

    async def create_room(self, body):
        room_id = f"!made{len(self.rooms)}"
        state = {each["type"]: each["content"] for each in body["initial_state"]}
        self.rooms[room_id] = FakeRoom(room_id, frozenset({self.user_id}), state | {"asked": body})
        if self.dies_after_creating:
            self.dies_after_creating = False
            raise ConnectionError
        return room_id

    async def get_state(self, room_id, kind):
        return self.rooms[room_id].state.get(kind)
