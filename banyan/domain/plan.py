"""A plan: what would change on the homeserver, as values that can be read before anything is touched."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from banyan.domain.rooms import RoomKey, RoomKind


@dataclass(frozen=True)
class Change:
    """One step on the way from what is to what is declared."""

    key: RoomKey
    """The room it is about; its id, where it has no key that we know."""

    word: ClassVar[str]
    """Stable name for machines."""

    @property
    def removes(self) -> bool:
        """Whether people lose a room by it. Such a step needs to be allowed explicitly."""
        return False

    def __str__(self) -> str:
        return self.word.replace("-", " ")


@dataclass(frozen=True)
class CreateRoom(Change):
    """The keeper makes the room and invites our accounts."""

    kind: RoomKind
    name: str
    lost: str | None = None
    """Id of the room our books know under this key and which none of our accounts is in any more."""

    word = "create"

    @property
    def removes(self) -> bool:
        """A room that was lost may still hold people; the new one replaces it."""
        return self.lost is not None

    def __str__(self) -> str:
        return self.name + (f", in place of {self.lost}, which we are no longer in" if self.lost else "")


@dataclass(frozen=True)
class SetState(Change):
    """State that differs from what is declared is set again."""

    type: str
    parts: tuple[str, ...] = ()
    """Which keys of its content differ."""

    word = "set-state"

    def __str__(self) -> str:
        return f"{self.type} ({', '.join(self.parts)})" if self.parts else self.type


@dataclass(frozen=True)
class ClearState(Change):
    """State that nobody declared is emptied."""

    type: str
    state_key: str = ""

    word = "clear-state"

    def __str__(self) -> str:
        return f"{self.type} (emptied)"


@dataclass(frozen=True)
class Seat(Change):
    """An account of ours comes in."""

    user_id: str
    invited: bool
    """Whether an invitation stands already."""

    word = "seat"

    def __str__(self) -> str:
        return f"{self.user_id} comes in"


@dataclass(frozen=True)
class Unseat(Change):
    """An account of ours that has no business in the room is removed from it."""

    user_id: str

    word = "unseat"

    def __str__(self) -> str:
        return f"{self.user_id} goes out"


@dataclass(frozen=True)
class Expel(Change):
    """Somebody who has no business in the room is removed from it."""

    user_id: str
    loses: bool = False
    """Whether they had: the network file was changed."""

    word = "expel"

    @property
    def removes(self) -> bool:
        """A stranger loses nothing."""
        return self.loses

    def __str__(self) -> str:
        return f"{self.user_id} goes out"


@dataclass(frozen=True)
class LinkChild(Change):
    """The room is hung under its space."""

    space: RoomKey

    word = "link"

    def __str__(self) -> str:
        return f"hung under {self.space}"


@dataclass(frozen=True)
class NoteRoom(Change):
    """The room goes into our books."""

    new: bool
    """False when it stands there already, but otherwise."""

    word = "note"

    def __str__(self) -> str:
        return "written into the books"


@dataclass(frozen=True)
class ForgetRoom(Change):
    """A room that is gone is struck from our books."""

    room_id: str

    word = "forget"

    def __str__(self) -> str:
        return "struck from the books: it is gone"


@dataclass(frozen=True)
class KeeperLeaves(Change):
    """The keeper's work in the room is done."""

    word = "keeper-leaves"

    def __str__(self) -> str:
        return "the keeper leaves"


@dataclass(frozen=True)
class PurgeRoom(Change):
    """A room that is nobody's is deleted: half made, or made twice."""

    room_id: str
    people: int
    """Others than our accounts who are in it."""

    word = "purge"

    @property
    def removes(self) -> bool:
        """Only when somebody is in it."""
        return self.people > 0

    def __str__(self) -> str:
        return f"left over from an interrupted run, {_people(self.people)} in it"


@dataclass(frozen=True)
class ArchiveRoom(Change):
    """A room that is no longer declared: everybody is removed, and the server deletes what it holds."""

    room_id: str
    space_id: str | None
    """The space it hangs under, when that one stays."""
    people: int

    word = "archive"

    @property
    def removes(self) -> bool:
        """Always: the room itself is lost."""
        return True

    def __str__(self) -> str:
        return f"no longer declared, {_people(self.people)} in it"


@dataclass(frozen=True)
class Plan:
    """Everything that would change, in the order in which it happens."""

    changes: tuple[Change, ...] = ()
    found: Mapping[RoomKey, str] = field(default_factory=dict)
    """Ids of the declared rooms that exist."""
    notes: tuple[str, ...] = ()
    """What differs and cannot be changed."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def removals(self) -> tuple[Change, ...]:
        """Changes by which people lose a room."""
        return tuple(change for change in self.changes if change.removes)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind, by their word."""
        return dict(Counter(change.word for change in self.changes))

    def render(self) -> str:
        """For people: what is made, what changes, what goes. What follows from making a room is left out."""
        lines = list(self._lines()) or ["Nothing to change."]
        return "\n".join([*lines, *(f"! {note}" for note in self.notes)])

    def to_json(self) -> dict[str, Any]:
        """For machines: `counts`, `removals` (how many), `notes`, and `changes` in order."""
        changes = [{"change": change.word, **asdict(change)} for change in self.changes]
        return {
            "counts": self.counts,
            "removals": len(self.removals),
            "notes": list(self.notes),
            "changes": changes,
        }

    def _lines(self) -> Iterator[str]:
        made = [change for change in self.changes if isinstance(change, CreateRoom)]
        gone = [change for change in self.changes if isinstance(change, ArchiveRoom | PurgeRoom)]
        new = {change.key for change in made}
        changed: dict[RoomKey, list[str]] = {}
        for change in self.changes:
            if change.key not in new and not isinstance(change, ArchiveRoom | PurgeRoom):
                changed.setdefault(change.key, []).append(str(change))
        if made:
            spaces = sum(change.kind is RoomKind.SPACE for change in made)
            yield f"{_rooms(len(made))} to make, {spaces} of them spaces"
            yield from (f"  + {change.key:<20} {change}" for change in made)
        if changed:
            yield f"{_rooms(len(changed))} to change"
            yield from (f"  ~ {key:<20} {'; '.join(texts)}" for key, texts in changed.items())
        if gone:
            yield f"{_rooms(len(gone))} to remove"
            yield from (f"  - {change.key:<20} {change}" for change in gone)


def _rooms(number: int) -> str:
    return f"{number} room{'' if number == 1 else 's'}"


def _people(number: int) -> str:
    return "nobody" if number == 0 else "1 person" if number == 1 else f"{number} people"
