"""What is there: every room the warden or the keeper is in, with its state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from banyan.domain.people import Accounts
from banyan.domain.rooms import LOCATOR
from homeserver.acting import Event, Homeserver
from homeserver.together import together

StateKey = tuple[str, str]
"""Type and state key."""


@dataclass(frozen=True)
class ObservedRoom:
    """One room as the homeserver has it."""

    room_id: str
    creator: str
    created: int
    """Milliseconds since 1970, by the server's clock."""
    state: Mapping[StateKey, Mapping[str, Any]]
    """Contents, memberships left out."""
    memberships: Mapping[str, str]
    """User id → `join`, `invite`, `leave`, `ban` or `knock`."""

    @property
    def locator(self) -> str | None:
        """The mark by which it is known again; None while it is half made, or none of ours."""
        mark = self.state.get((LOCATOR, ""), {}).get("id")
        return mark if isinstance(mark, str) else None

    @property
    def joined(self) -> frozenset[str]:
        """Who is in it."""
        return frozenset(user for user, membership in self.memberships.items() if membership == "join")

    def people(self, accounts: Accounts) -> int:
        """How many are in it that are not accounts of ours."""
        return len(self.joined - accounts.all)


async def observe(homeserver: Homeserver, accounts: Accounts) -> tuple[ObservedRoom, ...]:
    """Read every room the warden or the keeper is in. Writes nothing. Raises as `Homeserver`."""
    readers: dict[str, str] = {}
    for user_id in (accounts.keeper, accounts.warden):
        if homeserver.can_act_as(user_id):
            readers |= dict.fromkeys(await homeserver.joined_rooms(user_id), user_id)

    async def read(room_id: str, reader: str) -> ObservedRoom:
        return _observed(room_id, await homeserver.state(reader, room_id))

    return tuple(await together(read(room_id, reader) for room_id, reader in readers.items()))


def _observed(room_id: str, events: Sequence[Event]) -> ObservedRoom:
    create = next(event for event in events if event["type"] == "m.room.create")
    state: dict[StateKey, Mapping[str, Any]] = {}
    memberships: dict[str, str] = {}
    for event in events:
        if event["type"] == "m.room.member":
            memberships[event["state_key"]] = str(event["content"].get("membership"))
        else:
            state[event["type"], event["state_key"]] = event["content"]
    return ObservedRoom(
        room_id=room_id,
        creator=create["sender"],
        created=create.get("origin_server_ts", 0),
        state=state,
        memberships=memberships,
    )
