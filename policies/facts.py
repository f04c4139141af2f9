"""What the rules are asked of: the homeserver as it is beside the network as it ought to be. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from banyan.domain.people import Accounts, Member, MemberStatus
from banyan.domain.rooms import RoomKey
from banyan.domain.sight import SeenAccount, SeenDevice, SeenPusher, SeenService, SeenToken, State
from banyan.network import Network
from policies.partners import servers_of
from policies.rooms import DeclaredRoom


class Place(StrEnum):
    """What a room is to us."""

    DECLARED = "declared"
    """The network file asks for it."""
    CHAT = "chat"
    """A chat of the desk or the steward with one member."""
    PRIVATE = "private"
    """A chat between two members."""
    STRAY = "stray"
    """None of these: nobody should be in there."""


@dataclass(frozen=True)
class RoomFacts:
    """A room, and what it ought to be."""

    room_id: str
    place: Place
    creator: str
    version: str
    state: State
    members: Mapping[str, str]
    """User id → `join`, `invite`, `knock` or `ban`."""
    declared: DeclaredRoom | None = None
    expected: frozenset[str] = frozenset()
    """User ids that may be in there, our own accounts included."""
    powers: Mapping[str, int] = field(default_factory=dict)
    """People whose role gives them a level there."""
    parent_id: str | None = None
    """Id of the space it hangs under."""
    frozen: bool = False
    """We have silenced it: people hold no level and cannot write."""
    listed: bool = False

    @property
    def name(self) -> str:
        """How findings call it."""
        return self.declared.key if self.declared else self.room_id

    @property
    def present(self) -> frozenset[str]:
        """User ids that are in it, or could be at once: joined and invited."""
        return frozenset(user for user, how in self.members.items() if how in ("join", "invite"))

    def content(self, kind: str) -> Mapping[str, Any]:
        """Content of the state event of that type without a state key; empty when there is none."""
        found = self.state.get((kind, ""), {})
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True)
class PersonFacts:
    """A member, and what is seen of them."""

    member: Member
    user_id: str
    account: SeenAccount | None
    """None when the homeserver has no such account."""
    rooms: frozenset[RoomKey] = frozenset()
    """Declared rooms they are in."""
    entries: int = 0
    """Rooms their list shows, spaces and chats included."""
    sees: int = 0
    """Other pseudonyms they share a declared room with."""
    since: datetime | None = None
    """When they were admitted."""
    vetted: datetime | None = None
    """When somebody last vouched for them."""
    terms: Mapping[str, datetime] = field(default_factory=dict)
    """Role → since when they hold it."""
    unanswered: int = 0
    """Questions in a row, the latest included, to which they gave no answer while it was open."""
    identity_changed: bool = False
    """Their cross-signing identity is not the one that was seen first."""

    @property
    def admitted(self) -> bool:
        """Whether they are a member now."""
        return self.member.status is MemberStatus.ADMITTED

    @property
    def devices(self) -> tuple[SeenDevice, ...]:
        """Devices that encrypt."""
        return tuple(device for device in (self.account.devices if self.account else ()) if device.encrypts)


@dataclass(frozen=True)
class OurFacts:
    """One of our own accounts."""

    name: str
    user_id: str
    account: SeenAccount | None
    device_id: str | None
    """The one device it ought to have; None for an account that owns none."""
    master_key: str | None
    """The identity that was published at the first start; None where there is none to compare with."""
    rooms: frozenset[str] = frozenset()
    """Ids of the rooms it is in."""
    expected: frozenset[str] = frozenset()
    """Ids of the rooms it belongs to."""
    retired: frozenset[str] = frozenset()
    """Devices of which we lost the store: they write nothing any more, and are gone within days."""
    anywhere: bool = False
    """It may be in rooms that the network file does not know (chats)."""


@dataclass(frozen=True)
class SettingFacts:
    """One setting of the homeserver."""

    key: str
    wanted: Any
    running: Any
    """What the homeserver was started with; None when it is not set."""
    reason: str


@dataclass(frozen=True)
class ServerFacts:
    """The homeserver itself."""

    settings: tuple[SettingFacts, ...]
    accounts: tuple[SeenAccount, ...]
    """Every account that is there."""
    tokens: tuple[SeenToken, ...]
    known_tokens: frozenset[str]
    """Digests of the registration tokens that stand for an open invitation."""
    pushers: tuple[SeenPusher, ...]
    services: tuple[SeenService, ...]
    known_services: Mapping[str, SeenService]
    """What we registered."""
    puppet_tokens: int
    partners: frozenset[str]
    """Servers that may be spoken with: those of the declared partners that are not cut."""
    whitelist: frozenset[str] | None
    """Servers that the running homeserver speaks with; None: with all."""


@dataclass(frozen=True)
class World:
    """Everything at one moment."""

    now: datetime
    network: Network
    accounts: Accounts
    rooms: tuple[RoomFacts, ...] = ()
    people: tuple[PersonFacts, ...] = ()
    ours: tuple[OurFacts, ...] = ()
    server: ServerFacts | None = None
    missing: tuple[DeclaredRoom, ...] = ()
    """Declared rooms that are not there."""

    @cached_property
    def members(self) -> Mapping[str, PersonFacts]:
        """User id → who is a member now."""
        return {person.user_id: person for person in self.people if person.admitted}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Room id → how findings call the room."""
        return {room.room_id: room.name for room in self.rooms}

    @cached_property
    def cut(self) -> frozenset[str]:
        """Servers of declared partners that are cut off."""
        return servers_of(self.network) - self.server.partners if self.server else frozenset()
