"""What every declared room must look like on the homeserver, event by event."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from banyan.domain.people import Accounts
from banyan.domain.rooms import LOCATOR, Room, RoomKey, RoomKind
from banyan.network import Network
from homeserver.locators import Locator
from policies.partners import server_acl
from policies.rooms import (
    ALGORITHM,
    ROOM_KINDS,
    ROOM_VERSION,
    DeclaredRoom,
    Join,
    declared_rooms,
    power_levels,
)

_DAY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True)
class StateEvent:
    """One state event as it must be."""

    type: str
    content: Mapping[str, Any]
    state_key: str = ""


@dataclass(frozen=True)
class DesiredRoom:
    """A declared room and everything it must say."""

    declared: DeclaredRoom
    federates: bool
    seats: tuple[str, ...]
    """User ids of our accounts that sit there; the warden first, for it lets the others in."""
    via: str
    """Our server's name."""
    fixed: tuple[StateEvent, ...]
    """State that does not depend on the id of another room."""

    @property
    def key(self) -> RoomKey:
        """The room's key."""
        return self.declared.key

    @property
    def parent(self) -> RoomKey | None:
        """The space it hangs under."""
        return self.declared.parent

    @property
    def link(self) -> Mapping[str, Any]:
        """Content of `m.space.child`, by which a space names the room."""
        return {"via": [self.via]}

    def room(self, room_id: str) -> Room:
        """The room as our books know it."""
        declared = self.declared
        return Room(declared.key, room_id, declared.kind, declared.area, declared.language)

    def state(self, parent_id: str | None) -> tuple[StateEvent, ...]:
        """All its state, one event a type. `parent_id` is the id of the space it hangs under, once known."""
        rule: dict[str, Any] = {"join_rule": Join.INVITE.value}
        if parent_id is None:
            return (*self.fixed, StateEvent("m.room.join_rules", rule))
        if ROOM_KINDS[self.declared.kind].join is Join.RESTRICTED:
            allow = [{"type": "m.room_membership", "room_id": parent_id}]
            rule = {"join_rule": Join.RESTRICTED.value, "allow": allow}
        parent = {"via": [self.via], "canonical": True}
        return (
            *self.fixed,
            StateEvent("m.room.join_rules", rule),
            StateEvent("m.space.parent", parent, state_key=parent_id),
        )

    def creation(self, parent_id: str | None) -> dict[str, Any]:
        """Body of the request that makes it: complete at once, so there is no moment in which it is open."""
        creation: dict[str, Any] = {"m.federate": self.federates}
        if self.declared.kind is RoomKind.SPACE:
            creation["type"] = "m.space"
        return {
            "room_version": ROOM_VERSION,
            "preset": "private_chat",
            "visibility": "private",
            "creation_content": creation,
            # power levels go here and not into the override, which would be merged with the server's defaults
            "initial_state": [
                {"type": event.type, "state_key": event.state_key, "content": event.content}
                for event in self.state(parent_id)
            ],
            "invite": list(self.seats),
        }


def desired(
    network: Network,
    accounts: Accounts,
    locator: Locator,
    powers: Mapping[RoomKey, Mapping[str, int]] | None = None,
    *,
    frozen: Collection[RoomKey] = (),
    cut: Collection[str] = (),
) -> tuple[DesiredRoom, ...]:
    """Every room of the network, spaces before what hangs under them.

    `powers` are the levels of people whose roles give them one, by room and user id; `frozen` are the rooms
    that are silenced; `cut` are the names of partner servers that are cut off.
    """
    own = accounts.server_name

    def guards(declared: DeclaredRoom) -> Iterator[StateEvent]:
        key, kind = declared.key, declared.kind
        people = (powers or {}).get(key)
        levels = power_levels(kind, accounts, people, frozen=key in frozen)
        yield StateEvent("m.room.power_levels", levels)
        if kind is RoomKind.JOINT:
            yield StateEvent("m.room.server_acl", server_acl(network, key, own, cut))

    return tuple(
        _desired(network, accounts, locator, declared, guards(declared))
        for declared in declared_rooms(network)
    )


def _desired(
    network: Network,
    accounts: Accounts,
    locator: Locator,
    declared: DeclaredRoom,
    guards: Iterable[StateEvent],
) -> DesiredRoom:
    rules, style = ROOM_KINDS[declared.kind], network.rooms.of(declared.kind)
    fixed = [
        *guards,
        StateEvent(LOCATOR, {"id": locator(declared.key)}),
        StateEvent("m.room.name", {"name": declared.name}),
        StateEvent("m.room.history_visibility", {"history_visibility": "joined"}),
        StateEvent("m.room.guest_access", {"guest_access": "forbidden"}),
        StateEvent("m.room.retention", {"max_lifetime": style.keep_days * _DAY_MS}),
    ]
    if rules.encrypted:
        fixed.append(StateEvent("m.room.encryption", {"algorithm": ALGORITHM}))
    seats = (accounts.warden, *(getattr(accounts, name) for name in rules.seats))
    return DesiredRoom(declared, style.federates, seats, accounts.server_name, tuple(fixed))
