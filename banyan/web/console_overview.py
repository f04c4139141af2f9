"""The network at a glance: rooms in rows, their members as cells, both coloured by what the audit found.

Only members with a finding get a cell of their own: three and a half thousand in a hundred rooms stay
readable because those with whom all is well are counted, and drawn as one row of dots.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

from banyan.domain.findings import About, Audit, Finding, Severity, Subject
from banyan.domain.people import Member
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.audit import concerning
from policies.placement import rooms_now
from policies.rooms import DeclaredRoom, declared_rooms

CELLS = 6
"""Members with a finding that a row names; the others are counted."""

STAFF, THEMES, JOINT, ELSEWHERE = (
    N_("Staff"),
    N_("Across countries"),
    N_("With partners"),
    N_("Not in the network file"),
)
_SPANNING: Mapping[RoomKind, str] = {
    RoomKind.SPACE: STAFF,
    RoomKind.STAFF: STAFF,
    RoomKind.THEME: THEMES,
    RoomKind.JOINT: JOINT,
}
"""Groups of the rooms that belong to no area."""


@dataclass(frozen=True)
class Found:
    """The findings of one audit, by what they are about."""

    audit: Audit | None

    @cached_property
    def by_subject(self) -> Mapping[Subject, Sequence[Finding]]:
        """Open findings, worst first."""
        found: defaultdict[Subject, list[Finding]] = defaultdict(list)
        for finding in self.audit.judgement.findings if self.audit else ():
            found[finding.subject].append(finding)
        return found

    def of(self, about: About, name: str) -> Sequence[Finding]:
        """Open findings of one subject."""
        return self.by_subject.get(Subject(about, name), ())

    def worst(self, about: About, name: str) -> Severity | None:
        """The gravest of them."""
        return worst(finding.severity for finding in self.of(about, name))

    def naming(self, about: About, *names: str) -> Sequence[Finding]:
        """Open findings about something else that name this subject, by any of its names."""
        if self.audit is None:
            return ()
        own = Subject(about, names[0])
        return [each for each in concerning(self.audit.judgement, *names).findings if each.subject != own]

    def waived(self, about: About, name: str) -> Sequence[Finding]:
        """What somebody has decided to live with there."""
        waived = self.audit.judgement.waived if self.audit else ()
        return [finding for finding in waived if finding.subject == Subject(about, name)]


@dataclass(frozen=True)
class Cell:
    """A member with a finding."""

    name: str
    worst: Severity


@dataclass(frozen=True)
class Row:
    """A room and who is in it by our books."""

    key: str
    name: str
    kind: RoomKind | None
    """None for a room that nobody declared."""
    worst: Severity | None
    """Of its own findings."""
    findings: int
    there: bool = True
    frozen: bool = False
    cells: Sequence[Cell] = ()
    """Members with a finding, worst first; at most `CELLS`."""
    more: int = 0
    """Members with a finding beyond these."""
    calm: int = 0
    """Members without."""

    @property
    def members(self) -> int:
        """Everybody who is in."""
        return len(self.cells) + self.more + self.calm

    @property
    def gravest(self) -> Severity | None:
        """Of the room and of those who are in."""
        return worst([self.worst, *(cell.worst for cell in self.cells)])


@dataclass(frozen=True)
class Group:
    """The rooms of one area, or of those that span all."""

    name: str
    """Code name of the area; a marked text when `key` is empty."""
    key: str
    rows: Sequence[Row]
    people: int
    """Members who are in any of them."""

    @property
    def worst(self) -> Severity | None:
        """The gravest of its rows."""
        return worst(row.gravest for row in self.rows)

    @property
    def counts(self) -> Mapping[Severity, int]:
        """How many rooms have that as their gravest; worst first."""
        found = Counter(row.gravest for row in self.rows)
        return {severity: found[severity] for severity in sorted(Severity, reverse=True) if found[severity]}


def overview(
    network: Network, rooms: Iterable[Room], members: Iterable[Member], found: Found
) -> Sequence[Group]:
    """Every room in its group: first what spans the network, then area by area."""
    there = {room.key: room for room in rooms}
    inside = who_is_in(network, members)
    groups: dict[tuple[str, str], list[DeclaredRoom]] = {}
    for declared in declared_rooms(network):
        groups.setdefault(_group(network, declared), []).append(declared)
    made = [
        Group(
            name,
            key,
            [_row(each, there.get(each.key), inside.get(each.key, ()), found) for each in declared],
            len({member.id for each in declared for member in inside.get(each.key, ())}),
        )
        for (name, key), declared in groups.items()
    ]
    strays = list(_strays({each.key for declared in groups.values() for each in declared}, found))
    return [*made, *([Group(ELSEWHERE, "", strays, 0)] if strays else [])]


def who_is_in(network: Network, members: Iterable[Member]) -> Mapping[RoomKey, Sequence[Member]]:
    """Who is in which room by our books, by pseudonym."""
    inside: defaultdict[RoomKey, list[Member]] = defaultdict(list)
    rooms_of = cache(partial(rooms_now, network))  # thousands of members stand in few places
    for member in sorted(members, key=lambda each: each.localpart):
        for key in rooms_of(member.placement):
            inside[key].append(member)
    return inside


def worst(severities: Iterable[Severity | None]) -> Severity | None:
    """The gravest; None when all is well."""
    return max((severity for severity in severities if severity is not None), default=None)


def _group(network: Network, declared: DeclaredRoom) -> tuple[str, str]:
    area = next((area for area in network.areas if area.key == declared.area), None)
    return (area.code_name, area.key) if area else (_SPANNING[declared.kind], "")


def _row(declared: DeclaredRoom, room: Room | None, members: Sequence[Member], found: Found) -> Row:
    own = found.of(About.ROOM, declared.key)
    cells = sorted(
        (
            Cell(member.localpart, severity)
            for member in members
            if (severity := found.worst(About.MEMBER, member.localpart)) is not None
        ),
        key=lambda cell: (-cell.worst, cell.name),
    )
    return Row(
        key=declared.key,
        name=declared.name,
        kind=declared.kind,
        worst=worst(finding.severity for finding in own),
        findings=len(own),
        there=room is not None,
        frozen=room is not None and room.frozen,
        cells=cells[:CELLS],
        more=len(cells[CELLS:]),
        calm=len(members) - len(cells),
    )


def _strays(declared: set[RoomKey], found: Found) -> Iterator[Row]:
    for subject, findings in found.by_subject.items():
        if subject.about is About.ROOM and subject.name not in declared:
            gravest = worst(finding.severity for finding in findings)
            yield Row(subject.name, subject.name, None, gravest, len(findings))
