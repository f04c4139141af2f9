"""What the guarding state of a room may say, judged by content alone."""

from collections.abc import Mapping
from typing import Any, Final

ALL_POWER: Final = 100
MOST_FOR_PEOPLE: Final = 50

PROTECTED: Final = frozenset(
    {
        "m.room.power_levels",
        "m.room.encryption",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.guest_access",
        "m.room.retention",
        "m.room.server_acl",
        "m.room.tombstone",
        "m.space.child",
        "m.space.parent",
    }
)
"""Settings that guard a room."""

_SPOKEN: Final = frozenset(
    {"m.room.encrypted", "m.room.message", "m.room.redaction", "m.reaction", "m.sticker"}
)
"""What is said: people may be let do it. Whatever else has a level of its own needs all power."""
_ONE_OF: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "m.room.encryption": ("algorithm", ("m.megolm.v1.aes-sha2",)),
    "m.room.history_visibility": ("history_visibility", ("joined", "invited")),
    "m.room.join_rules": ("join_rule", ("invite", "restricted")),
    "m.room.guest_access": ("guest_access", ("forbidden",)),
}


def is_closed_enough(kind: str, content: Mapping[str, Any], *, trusted: frozenset[str], server: str) -> bool:
    """Whether a state event of this type may say this.

    `trusted` are the user ids that may hold all power: our own accounts, all on this `server`.
    """
    if kind == "m.room.power_levels":
        return _levels_are_safe(content, trusted, server)
    if kind in _ONE_OF:
        key, values = _ONE_OF[kind]
        return content.get(key) in values
    return True


def _levels_are_safe(content: Mapping[str, Any], trusted: frozenset[str], server: str) -> bool:
    """People hold at most 50, nobody of another server any; inviting, removing and settings need 100."""
    users, events = content.get("users", {}), content.get("events", {})
    if not isinstance(users, Mapping) or not isinstance(events, Mapping):
        return False
    # absent keys count as the specification has it: invite 0, state_default, kick and ban 50
    needed = [content.get(key, 0) for key in ("invite", "kick", "ban", "state_default")]
    needed += [level for kind, level in events.items() if kind not in _SPOKEN]
    held = {user: _most(user, trusted, server) for user in users}
    enough = all(_level(level, otherwise=-1) >= ALL_POWER for level in needed)
    nobody_else = _level(content.get("users_default", 0), otherwise=ALL_POWER) <= 0
    return (
        enough
        and nobody_else
        and all(_level(users[user], otherwise=most + 1) <= most for user, most in held.items())
    )


def _most(user_id: str, trusted: frozenset[str], server: str) -> int:
    """Return the highest level that the user may hold."""
    if user_id in trusted:
        return ALL_POWER
    return MOST_FOR_PEOPLE if user_id.partition(":")[2] == server else 0


def _level(value: object, *, otherwise: int) -> int:
    """Return the level; what is not a whole number counts as `otherwise`."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
