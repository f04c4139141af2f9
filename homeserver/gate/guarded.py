"""What the guarding state of a room may say, judged by content alone."""

from collections.abc import Mapping
from typing import Any, Final

ALL_POWER: Final = 100
MOST_FOR_PEOPLE: Final = 50

_GUARDED: Final = (
    "m.room.power_levels",
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.guest_access",
    "m.room.server_acl",
    "m.room.tombstone",
)
_ONE_OF: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "m.room.encryption": ("algorithm", ("m.megolm.v1.aes-sha2",)),
    "m.room.history_visibility": ("history_visibility", ("joined", "invited")),
    "m.room.join_rules": ("join_rule", ("invite", "restricted")),
    "m.room.guest_access": ("guest_access", ("forbidden",)),
}


def is_closed_enough(kind: str, content: Mapping[str, Any], *, trusted: frozenset[str]) -> bool:
    """Whether a state event of this type may say this.

    `trusted` are the user ids that may hold all power: our own accounts, all on this server.
    """
    if kind == "m.room.power_levels":
        return _levels_are_safe(content, trusted)
    if kind in _ONE_OF:
        key, values = _ONE_OF[kind]
        return content.get(key) in values
    return True


def _levels_are_safe(content: Mapping[str, Any], trusted: frozenset[str]) -> bool:
    """People hold at most 50; inviting, removing and every guarded setting need 100."""
    users, events = content.get("users", {}), content.get("events", {})
    if not isinstance(users, Mapping) or not isinstance(events, Mapping):
        return False
    # absent keys count as the specification has it: invite 0, state_default, kick and ban 50
    needed = [content.get(key, 0) for key in ("invite", "kick", "ban", "state_default")]
    needed += [events.get(kind, content.get("state_default", 0)) for kind in _GUARDED]
    people = [level for user, level in users.items() if user not in trusted]
    people.append(content.get("users_default", 0))
    enough = all(_level(level, otherwise=-1) >= ALL_POWER for level in needed)
    return enough and all(_level(level, otherwise=ALL_POWER) <= MOST_FOR_PEOPLE for level in people)


def _level(value: object, *, otherwise: int) -> int:
    """Return the level; what is not a whole number counts as `otherwise`."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
