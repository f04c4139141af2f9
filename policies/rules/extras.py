"""State that nobody asked for: whatever a declared room carries beyond its kind's own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from banyan.domain.findings import About, Severity
from banyan.domain.rooms import LOCATOR, RoomKind
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.partners import OPEN_ACL, server_acl
from policies.rooms import NEVER_EMPTIED
from policies.rules.reading import mapping, same, shown

_JUDGED: Final = frozenset(
    {
        LOCATOR,
        "m.room.create",
        "m.room.encryption",
        "m.room.guest_access",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.member",
        "m.room.name",
        "m.room.power_levels",
        "m.room.retention",
        "m.room.third_party_invite",
        "m.room.tombstone",
        "m.space.child",
        "m.space.parent",
    }
)
"""What other rules look at, with an empty state key where the type has but one."""
_ADDRESS: Final = "m.room.canonical_alias"
_ACL: Final = "m.room.server_acl"
_KEYED: Final = frozenset({"m.room.member", "m.room.third_party_invite", "m.space.child", "m.space.parent"})


@rule(
    "room-address",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room has a public address."),
    remedy=N_("Find out who gave it: an address can be guessed, and says what a room is for."),
    repaired=True,
)
def address(room: RoomFacts, _: World) -> Iterator[Drift]:
    """No room has an alias."""
    if _says_something(room.content(_ADDRESS)):
        yield {}


@rule(
    "room-extra-state",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room carries something that is not declared: {kind}."),
    remedy=N_(
        "Find out who set it: a pinned message, a picture or a widget can mislead people or tell on them."
    ),
    repaired=True,
)
def extra(room: RoomFacts, _: World) -> Iterator[Drift]:
    """A declared room has the state of its kind alone: no topic, picture, pin, widget or bridge."""
    if room.declared is None:
        return
    kinds = {kind for (kind, key), content in room.state.items() if _is_extra(room, kind, key, content)}
    yield from ({"kind": shown(kind)} for kind in sorted(kinds))


def _is_extra(room: RoomFacts, kind: str, key: str, content: Any) -> bool:
    if kind == _ADDRESS and not key:
        return False
    if kind == _ACL and not key and room.declared and room.declared.kind is RoomKind.JOINT:
        return False
    if kind == _ACL and content == OPEN_ACL:  # it cannot be emptied
        return False
    if key and kind in NEVER_EMPTIED:
        return False
    expected = kind in _JUDGED and (not key or kind in _KEYED)
    return not expected and _says_something(content)


def _says_something(content: Any) -> bool:
    """State cannot be deleted, only emptied: an empty topic is none."""
    return any(mapping(content).values()) if isinstance(content, Mapping) else bool(content)


@rule(
    "room-servers",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("The list of servers that this joint room speaks with is not what is declared."),
    remedy=N_("Look who came in from elsewhere, and whether a partner who is cut off was let in again."),
    repaired=True,
)
def servers(room: RoomFacts, world: World) -> Iterator[Drift]:
    """A joint room is open to our server and to those of its partners that are not cut off."""
    if room.declared is None or room.declared.kind is not RoomKind.JOINT:
        return
    wanted = server_acl(world.network, room.declared.key, world.accounts.server_name, world.cut)
    if not same(room.content(_ACL), wanted):
        yield {}


@rule(
    "room-replaced",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Somebody declared this room closed and sends its members to another one."),
    remedy=N_("Tell its members not to follow, and archive both rooms; `banyan apply` makes this one anew."),
)
def replaced(room: RoomFacts, _: World) -> Iterator[Drift]:
    """No tombstone: it needs more power than the warden has, so it cannot be taken back."""
    if room.declared and ("m.room.tombstone", "") in room.state:
        yield {}
