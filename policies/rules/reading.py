"""Reading what somebody else wrote: state may hold anything, and wrong types are drift, not errors."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from banyan.domain.people import Accounts
from policies.facts import RoomFacts
from policies.partners import server_of
from policies.rooms import WARDEN

ABOVE_ALL: Final = 2**53
"""What an unreadable level counts as where a high one is the danger. Matrix allows no greater number."""

_LONGEST: Final = 48


def same(found: Any, wanted: Any) -> bool:
    """Whether two JSON values are the same. Unlike `==`, true is not 1 and 50.0 is not 50."""
    if isinstance(wanted, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == wanted.keys()
            and all(same(found[key], value) for key, value in wanted.items())
        )
    if isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return False
        return all(same(one, other) for one, other in zip(found, wanted, strict=True))
    return type(found) is type(wanted) and bool(found == wanted)


def mapping(found: Any) -> Mapping[Any, Any]:
    """The value, or an empty mapping for anything that is none."""
    return found if isinstance(found, Mapping) else {}


def level(found: Any, *, otherwise: int) -> int:
    """The power level; what is not a whole number counts as `otherwise`."""
    return found if isinstance(found, int) and not isinstance(found, bool) else otherwise


def equals(room: RoomFacts, accounts: Accounts) -> frozenset[str]:
    """User ids as high as the warden, which can neither lower nor remove them. Its maker is above all."""
    levels = mapping(room.content("m.room.power_levels").get("users")).items()
    high = {str(user) for user, given in levels if level(given, otherwise=ABOVE_ALL) >= WARDEN}
    return frozenset({*high, room.creator} - {accounts.warden})


def shown(text: Any) -> str:
    """A word from outside, short and without anything a screen would obey."""
    plain = "".join(each if each.isprintable() else "?" for each in str(text)[: _LONGEST + 1])
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def fingerprint(ids: Iterable[str]) -> str:
    """Sixteen hex digits that stand for exactly these ids, and say none of them."""
    whole = repr(sorted(ids))  # an id may hold whatever would set two of them apart
    return sha256(whole.encode(errors="backslashreplace")).hexdigest()[:16]


def listed(words: Iterable[str], most: int = 3) -> str:
    """The first few words, and how many more there are."""
    names = sorted(words)
    rest = f" +{len(names) - most}" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + rest


def who(user_id: str, accounts: Accounts) -> str:
    """How findings call a person: the pseudonym; of somebody elsewhere only the server."""
    if server_of(user_id) == accounts.server_name:
        return shown(user_id.removeprefix("@").partition(":")[0])
    return shown(server_of(user_id) or "?")
