"""The picture of an audit: what was looked at in rows, the rules in columns, a coloured cell where they meet.

Made for two pages, the operator's file and the console; `templates/_grid.html` draws it. Names are dull: the
code names that phones show, pseudonyms, the names of rules.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from banyan.domain.findings import About, Audit, Finding, Severity
from banyan.domain.rooms import RoomKind
from banyan.network import REGIONAL, Network
from policies.engine import Rule
from policies.rooms import DeclaredRoom, declared_rooms
from policies.rules import RULES

Said = Callable[[Finding], tuple[str, str]]
"""What is wrong and what to do, in the reader's language."""

SHOWN = 10
"""Characters of a room's id: enough to find it by."""

MOST = 60
"""Rows of one group: with more members in trouble a picture shows nothing any more."""


@dataclass(frozen=True)
class Cell:
    """Where a row meets a rule."""

    worst: Severity | None = None
    """None where the rule is kept."""
    waived: bool = False
    told: tuple[str, ...] = ()
    """What is wrong, sentence by sentence."""

    @property
    def clean(self) -> bool:
        """Whether there is nothing to show."""
        return self.worst is None and not self.waived


@dataclass(frozen=True)
class Row:
    """One room or member."""

    name: str
    cells: Sequence[Cell]

    @property
    def clean(self) -> bool:
        """Whether every rule is kept there."""
        return all(cell.clean for cell in self.cells)


@dataclass(frozen=True)
class Group:
    """Rows that belong together, e.g. the rooms of one area."""

    name: str
    rows: Sequence[Row]
    left_out: int = 0
    """Rows beyond `MOST`."""


@dataclass(frozen=True)
class Grid:
    """The whole picture."""

    rules: Sequence[Rule]
    groups: Sequence[Group]

    @cached_property
    def clean(self) -> Sequence[bool]:
        """For each rule whether it is kept everywhere."""
        rows = [row for group in self.groups for row in group.rows]
        return [all(row.cells[at].clean for row in rows) for at in range(len(self.rules))]

    @property
    def clean_rules(self) -> int:
        """How many rules are kept everywhere."""
        return sum(self.clean)

    @property
    def clean_rows(self) -> int:
        """How many rows keep every rule."""
        return sum(row.clean for group in self.groups for row in group.rows)


class Dull:
    """Names as phones show them: a key such as `staff:security` says what a room is for."""

    def __init__(self, network: Network) -> None:
        self._rooms: Mapping[str, DeclaredRoom] = {str(room.key): room for room in declared_rooms(network)}
        self._areas = {area.key: area.code_name for area in network.areas} | {
            REGIONAL: network.regional.code_name
        }

    def __call__(self, name: str) -> str:
        """The code name of a room's or an area's key; the beginning of an id; any other name as it is."""
        room = self._rooms.get(name)
        if room is None and name.startswith("!"):
            return f"{name[:SHOWN]}…"
        return room.name if room else self._areas.get(name, name)

    def text(self, words: str) -> str:
        """The same for every key in a sentence or list of words."""
        return " ".join(self._word(word) for word in words.split(" "))

    def finding(self, finding: Finding) -> Finding:
        """The same finding with dull names among its values."""
        named = {
            name: self.text(self(value)) if isinstance(value, str) else value
            for name, value in finding.values.items()
        }
        return replace(finding, values=named)

    def _word(self, word: str) -> str:
        bare = word.rstrip(".,;")
        room = self._rooms.get(bare)
        return room.name + word[len(bare) :] if room else word

    def groups(self) -> Iterator[tuple[str, Sequence[DeclaredRoom]]]:
        """Rooms by the name of what they belong to: what spans all countries first."""
        spaces: defaultdict[str, list[DeclaredRoom]] = defaultdict(list)
        for room in self._rooms.values():
            apart = room.kind in (RoomKind.THEME, RoomKind.JOINT)
            spaces["" if apart else self._areas.get(room.area, room.area)].append(room)
        yield from spaces.items()


def rooms_by_rules(audit: Audit, network: Network, said: Said) -> Grid:
    """Every declared room, and every other one in which something was found, by the rules about rooms."""
    dull, rules = Dull(network), [rule for rule in RULES if rule.about is About.ROOM]
    found = _by_subject(audit, About.ROOM)
    groups, known = [], set()
    for name, rooms in dull.groups():
        known |= {str(room.key) for room in rooms}
        rows = [Row(room.name, _cells(rules, found.get(str(room.key), ()), said)) for room in rooms]
        groups.append(Group(name, rows))
    groups += _others(rules, {dull(name): each for name, each in found.items() if name not in known}, said)
    return Grid(rules, groups)


def members_by_rules(audit: Audit, said: Said) -> Grid:
    """Every member of whom something was found, by the rules about members."""
    rules = [rule for rule in RULES if rule.about is About.MEMBER and not rule.separation]
    return Grid(rules, _others(rules, _by_subject(audit, About.MEMBER), said))


def _by_subject(audit: Audit, about: About) -> Mapping[str, Sequence[Finding]]:
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (*audit.judgement.findings, *audit.judgement.waived):
        if finding.subject.about is about:
            found[finding.subject.name].append(finding)
    return found


def _others(rules: Sequence[Rule], found: Mapping[str, Sequence[Finding]], said: Said) -> list[Group]:
    """One group without a name, the worst first; none when there is nothing."""
    if not found:
        return []
    order = sorted(found, key=lambda name: (-max(each.severity for each in found[name]), name))
    rows = [Row(name, _cells(rules, found[name], said)) for name in order[:MOST]]
    return [Group("", rows, left_out=max(0, len(order) - MOST))]


def _cells(rules: Sequence[Rule], findings: Iterable[Finding], said: Said) -> list[Cell]:
    by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_rule[finding.rule].append(finding)
    return [_cell(by_rule.get(rule.id, ()), said) for rule in rules]


def _cell(findings: Sequence[Finding], said: Said) -> Cell:
    worst = max((each.severity for each in findings if each.waived is None), default=None)
    waived = any(each.waived for each in findings)
    return Cell(worst, waived, tuple(said(each)[0] for each in findings))
