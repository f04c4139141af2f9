"""Who may do what in a declared room: its power levels, compared whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from banyan.domain.findings import About, Severity
from banyan.domain.people import Accounts
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.partners import server_of
from policies.rooms import EVERYONE, HELPER, WARDEN, power_levels
from policies.rules.reading import ABOVE_ALL, equals, fingerprint, level, listed, mapping, same, who

_NESTED: Final = ("users", "events", "notifications")
_GATES: Final = ("invite", "kick", "ban", "state_default")
"""What decides over people and state: 100 each."""


@dataclass(frozen=True)
class _Levels:
    """The levels of one room beside what they ought to be."""

    found: Mapping[str, Any]
    wanted: Mapping[str, Any]
    accounts: Accounts
    needs_keeper: bool
    """Somebody stands as high as the warden: it can set no level while they do."""

    @cached_property
    def too_high(self) -> dict[str, int]:
        """User ids of people of this server above 50 → level."""
        return {user: height for user, height in self._people(guests=False) if height > HELPER}

    @cached_property
    def guests(self) -> dict[str, int]:
        """User ids of people of other servers above 0 → level."""
        return {user: height for user, height in self._people(guests=True) if height > EVERYONE}

    @cached_property
    def everybody(self) -> int:
        """The level of whoever is not named."""
        return level(self.found.get("users_default", EVERYONE), otherwise=ABOVE_ALL)

    @cached_property
    def rivals(self) -> frozenset[str]:
        """Accounts of ours beside the warden that hold its power."""
        others = self.accounts.all - {self.accounts.warden}
        return frozenset(
            user for user in others if level(self._users.get(user, 0), otherwise=ABOVE_ALL) >= WARDEN
        )

    @cached_property
    def open(self) -> frozenset[str]:
        """Keys that need 100 and have less."""
        events = mapping(self.found.get("events"))
        default = level(self.found.get("state_default"), otherwise=-1)
        needed = {key: level(self.found.get(key), otherwise=-1) for key in _GATES}
        for kind, wanted in self.wanted["events"].items():
            if wanted >= WARDEN:
                needed[f"events/{kind}"] = level(events.get(kind, default), otherwise=-1)
        return frozenset(key for key, needs in needed.items() if needs < WARDEN)

    @cached_property
    def other(self) -> frozenset[str]:
        """Keys that differ and are in none of the graver groups."""
        known = self.open | {f"users/{user}" for user in {*self.too_high, *self.guests, *self.rivals}}
        if self.everybody > HELPER:
            known |= {"users_default"}
        return frozenset(key for key in self._differing() if key not in known)

    def as_found(self, keys: Iterable[str]) -> str:
        """What stands for these keys, all of them, with the levels that they have."""
        return fingerprint(f"{key} {self._at(key)!r}" for key in keys)

    def _at(self, key: str) -> Any:
        outer, slash, inner = key.partition("/")
        return mapping(self.found.get(outer)).get(inner) if slash else self.found.get(key)

    @cached_property
    def _users(self) -> Mapping[Any, Any]:
        return mapping(self.found.get("users"))

    def _people(self, *, guests: bool) -> Iterator[tuple[str, int]]:
        for user, given in self._users.items():
            foreign = server_of(str(user)) != self.accounts.server_name
            if user not in self.accounts.all and foreign is guests:
                yield str(user), level(given, otherwise=ABOVE_ALL)

    def _differing(self) -> Iterator[str]:
        for key in {*map(str, self.found), *self.wanted}:
            found, wanted = self.found.get(key), self.wanted.get(key)
            if key in _NESTED and isinstance(found, Mapping):
                for part in {*map(str, found), *self.wanted[key]}:
                    if not same(found.get(part), self.wanted[key].get(part)):
                        yield f"{key}/{part}"
            elif not same(found, wanted):
                yield key


def _levels(room: RoomFacts, world: World) -> _Levels | None:
    if room.declared is None:
        return None
    wanted = power_levels(room.declared.kind, world.accounts, room.powers, frozen=room.frozen)
    equal = equals(room, world.accounts) - {world.accounts.keeper}  # the keeper is in no list
    return _Levels(room.content("m.room.power_levels"), wanted, world.accounts, bool(equal))


@rule(
    "power-person",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("{who} holds {level} in this room; people hold 50 at most."),
    remedy=N_("Ask them whether they know, and look at what they did there since the last audit."),
    repaired=True,
    waived_by=("who", "level"),
)
def person(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Nobody but our own accounts decides who is in a room."""
    if levels := _levels(room, world):
        for user, height in sorted(levels.too_high.items()):
            name, given = who(user, world.accounts), min(height, ABOVE_ALL)
            yield {"who": name, "level": given, "needs_keeper": levels.needs_keeper}


@rule(
    "power-foreign",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Somebody of another server holds power in this room: {server}, {level}."),
    remedy=N_("Find out who gave it: what a server elsewhere allows itself, our rules do not reach."),
    repaired=True,
    waived_by=("server", "level"),
)
def foreign(room: RoomFacts, world: World) -> Iterator[Drift]:
    """People of partners speak, and hold nothing."""
    if levels := _levels(room, world):
        for user, height in sorted(levels.guests.items()):
            name, given = who(user, world.accounts), min(height, ABOVE_ALL)
            yield {"server": name, "level": given, "needs_keeper": levels.needs_keeper}


@rule(
    "power-everybody",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Everybody in this room holds {level}; people hold 50 at most."),
    remedy=N_("Look who came in, what was removed and what was changed since the last audit."),
    repaired=True,
    waived_by=("level",),
)
def everybody(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Whoever is not named decides nothing."""
    if (levels := _levels(room, world)) and levels.everybody > HELPER:
        yield {"level": min(levels.everybody, ABOVE_ALL), "needs_keeper": levels.needs_keeper}


@rule(
    "power-shared",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("{who} holds as much power in this room as the warden, who ought to be alone with it."),
    remedy=N_(
        "Run `banyan apply` with the keeper's token: the warden cannot lower its equal. Find out who did it."
    ),
    waived_by=("who",),
)
def shared(room: RoomFacts, world: World) -> Iterator[Drift]:
    """One account of ours holds 100. The others speak."""
    if levels := _levels(room, world):
        yield from ({"who": who(user, world.accounts)} for user in sorted(levels.rivals))


@rule(
    "power-open",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Others than the warden may decide here who comes in, or change the room: {keys}."),
    remedy=N_("Look who came in, or was removed, since the last audit."),
    repaired=True,
    waived_by=("keys", "exactly"),
)
def open_(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Whatever decides over people and state needs 100; what is not said does not."""
    if (levels := _levels(room, world)) and levels.open:
        exactly = levels.as_found(levels.open)
        yield {"keys": listed(levels.open), "exactly": exactly, "needs_keeper": levels.needs_keeper}


@rule(
    "power-levels",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("The power levels of this room are not what is declared: {keys}."),
    remedy=N_("Find out who changed them. Until they are right again, somebody may write who should not."),
    repaired=True,
    waived_by=("keys", "exactly"),
)
def levels_differ(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Every key is what its kind of room and the roles of its members say."""
    if (levels := _levels(room, world)) and levels.other:
        keys = listed(_plain(key, world.accounts) for key in levels.other)
        exactly = levels.as_found(levels.other)
        yield {"keys": keys, "exactly": exactly, "needs_keeper": levels.needs_keeper}


def _plain(key: str, accounts: Accounts) -> str:
    part, slash, user = key.partition("/")
    return f"users/{who(user, accounts)}" if part == "users" and slash else key
