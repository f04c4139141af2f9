"""The table of rooms as data: who may come in, who may speak, which of our accounts sit there.

Every area (a country, or a cell of a high-risk country) has a space and three rooms of its own. The guide is
one per cell too: one per country would show every cell the pseudonyms of the others. Staff rooms hang under a
space of their own, so that nobody else learns how many there are; a theme hangs under none, for its members
come from every country and a common space would show them all to each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from banyan.domain.people import Accounts
from banyan.domain.rooms import LOCATOR, RoomKey, RoomKind, room_key
from banyan.network import REGIONAL, Network

EVERYONE: Final = 0
HELPER: Final = 50
"""The most a human holds."""
WARDEN: Final = 100
CREATOR: Final = 150
"""Above every level that can be given: in v12 only a creator reaches it."""

STAFF_PLACE: Final = "staff"

ROOM_VERSION: Final = "12"
"""The first in which a creator's power cannot be taken away."""

ALGORITHM: Final = "m.megolm.v1.aes-sha2"


class Join(StrEnum):
    """How people come in."""

    INVITE = "invite"
    RESTRICTED = "restricted"
    """Whoever is in the parent space may come in; so everybody there may know of the room."""


@dataclass(frozen=True)
class KindRules:
    """One row of the table of rooms. Levels are Matrix power levels."""

    join: Join
    speak: int
    """Level that may send messages."""
    react: int
    """Level that may send reactions, and withdraw its own."""
    redact: int
    """Level that may remove what others sent."""
    seats: tuple[str, ...] = ()
    """Our accounts that sit there beside the warden, at level 50. None of them where members talk."""
    encrypted: bool = True


ROOM_KINDS: Final[Mapping[RoomKind, KindRules]] = {
    RoomKind.SPACE: KindRules(Join.INVITE, speak=WARDEN, react=WARDEN, redact=WARDEN, encrypted=False),
    RoomKind.TALK: KindRules(Join.RESTRICTED, speak=EVERYONE, react=EVERYONE, redact=HELPER),
    RoomKind.THEME: KindRules(Join.INVITE, speak=EVERYONE, react=EVERYONE, redact=HELPER),
    RoomKind.GUIDE: KindRules(Join.RESTRICTED, speak=HELPER, react=EVERYONE, redact=WARDEN, seats=("desk",)),
    RoomKind.ALERT: KindRules(Join.RESTRICTED, speak=HELPER, react=HELPER, redact=WARDEN, seats=("alarm",)),
    RoomKind.STAFF: KindRules(Join.INVITE, speak=EVERYONE, react=EVERYONE, redact=HELPER, seats=("steward",)),
    RoomKind.JOINT: KindRules(Join.INVITE, speak=EVERYONE, react=EVERYONE, redact=WARDEN),
}

AREA_KINDS: Final = (RoomKind.SPACE, RoomKind.TALK, RoomKind.GUIDE, RoomKind.ALERT)
"""What every area has."""

_GUARDED: Final = (
    LOCATOR,
    "im.vector.modular.widgets",
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.encryption",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.name",
    "m.room.pinned_events",
    "m.room.policy",
    "m.room.power_levels",
    "m.room.retention",
    "m.room.server_acl",
    "m.room.third_party_invite",
    "m.room.topic",
    "m.space.child",
    "m.space.parent",
)
"""State that only the warden sets. `state_default` says so too; spelt out, no server default can differ."""

NEVER_EMPTIED: Final = frozenset(
    {
        "m.room.create",
        # Synapse and the gate let nobody empty these
        "m.room.encryption",
        "m.room.guest_access",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.power_levels",
        # only a creator sets it, and nothing takes it back
        "m.room.tombstone",
    }
)
"""State that stays once it is there. With a state key of its own it means nothing."""


def power_levels(
    kind: RoomKind,
    accounts: Accounts,
    others: Mapping[str, int] | None = None,
    *,
    frozen: bool = False,
) -> dict[str, Any]:
    """Content of `m.room.power_levels`, whole, so that it can be compared.

    `others` are people with a level of their own (user id → level, at most 50). The creator is not listed:
    v12 forbids it. In a frozen room no person holds a level or writes; our own account that sits there does,
    for an alarm must still go out.
    """
    rules = ROOM_KINDS[kind]
    if frozen:
        rules = replace(rules, speak=HELPER, react=HELPER, redact=WARDEN)
        others = None
    seats = {getattr(accounts, name): HELPER for name in rules.seats}
    people = {user: min(level, HELPER) for user, level in (others or {}).items()}
    return {
        "users": {**people, **seats, accounts.warden: WARDEN},
        "users_default": EVERYONE,
        "events": {
            **dict.fromkeys(_GUARDED, WARDEN),
            "m.room.tombstone": CREATOR,
            # in an encrypted room this is the type that counts; the clear one is for clients that ask
            "m.room.encrypted": rules.speak,
            "m.room.message": rules.speak,
            # reactions are never encrypted, so they have their own type
            "m.reaction": rules.react,
            "m.room.redaction": rules.react,
        },
        "events_default": rules.speak,
        "state_default": WARDEN,
        "invite": WARDEN,
        "kick": WARDEN,
        "ban": WARDEN,
        "redact": rules.redact,
        "notifications": {"room": HELPER},
    }


@dataclass(frozen=True)
class DeclaredRoom:
    """A room that the network file asks for."""

    key: RoomKey
    kind: RoomKind
    area: str
    """Key of the area; `regional` for staff rooms and themes."""
    language: str
    name: str
    """Code name: all that anybody is shown."""
    parent: RoomKey | None = None
    """The space it hangs under."""


def declared_rooms(network: Network) -> tuple[DeclaredRoom, ...]:
    """Every room the network has, spaces before what hangs under them."""
    return (*_staff(network), *_themes(network), *_joint(network), *_areas(network))


def _areas(network: Network) -> Iterator[DeclaredRoom]:
    words = {
        RoomKind.TALK: network.rooms.talk.word,
        RoomKind.GUIDE: network.rooms.guide.word,
        RoomKind.ALERT: network.rooms.alert.word,
    }
    for area in network.areas:
        space = room_key(RoomKind.SPACE, area.key)
        yield DeclaredRoom(space, RoomKind.SPACE, area.key, area.language, area.code_name)
        for kind, word in words.items():
            key, name = room_key(kind, area.key), f"{area.code_name} {word}"
            yield DeclaredRoom(key, kind, area.key, area.language, name, parent=space)


def _themes(network: Network) -> Iterator[DeclaredRoom]:
    language = network.regional.languages[0]
    for theme, declared in network.themes.items():
        key = room_key(RoomKind.THEME, theme)
        yield DeclaredRoom(key, RoomKind.THEME, REGIONAL, language, declared.code_name)


def _joint(network: Network) -> Iterator[DeclaredRoom]:
    language = network.regional.languages[0]
    for place, declared in network.joint.items():
        key = room_key(RoomKind.JOINT, place)
        yield DeclaredRoom(key, RoomKind.JOINT, REGIONAL, language, declared.code_name)


def _staff(network: Network) -> Iterator[DeclaredRoom]:
    language = network.regional.languages[0]
    space = room_key(RoomKind.SPACE, STAFF_PLACE)
    yield DeclaredRoom(space, RoomKind.SPACE, REGIONAL, language, network.regional.code_name)
    for place, declared in network.staff.items():
        key = room_key(RoomKind.STAFF, place)
        yield DeclaredRoom(key, RoomKind.STAFF, REGIONAL, language, declared.code_name, parent=space)
