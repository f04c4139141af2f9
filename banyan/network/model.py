"""What a network file may say. Everything is frozen; attribute docstrings become the editor's help."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from banyan.domain.findings import Finding
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKind
from banyan.errors import NotFound
from banyan.network.values import (
    REGIONAL,
    CodeName,
    Count,
    CountryCode,
    Days,
    Flag,
    Key,
    Languages,
    Power,
    Scope,
    ServerName,
    StaysHome,
    Titles,
    UserId,
    Zone,
    near,
)


@dataclass(frozen=True)
class Area:
    """Where members live together: a country, or one cell of a high-risk country. Each has its own rooms."""

    key: str
    """`KH`, or `MM-1` for the first cell of MM."""
    country: str
    """ISO 3166-1 alpha-2."""
    code_name: str
    language: str
    """BCP 47 tag in which bots speak there first."""
    languages: tuple[str, ...]
    zone: str
    """IANA time zone."""
    size: int | None
    """Most members it may have; None where the country is not split."""


class Part(BaseModel):
    """Base of all parts: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Regional(Part):
    """What spans all countries: staff rooms and themes. No room holds the members of the whole network."""

    code_name: CodeName
    """Name of the staff's space."""
    languages: Languages
    """The first is the language of staff rooms and themes."""
    time_zone: Zone


class Country(Part):
    """A country whose members share one area, or are split into cells."""

    code_name: CodeName | None = None
    """Name of the country's space. Leave it out where there are cells."""
    cells: tuple[CodeName, ...] = ()
    """One code name per cell, where a member shall see few others. Append to add a cell."""
    cell_size: Count | None = None
    """Most members of one cell."""
    languages: Languages
    """The first is the language of the country's rooms."""
    time_zone: Zone


class Theme(Part):
    """A conversation across countries."""

    code_name: CodeName


class StaffRoom(Part):
    """A room for those who hold a role."""

    code_name: CodeName


class Role(Part):
    """A duty that members are granted."""

    rooms: tuple[str, ...] = ()
    """Keys of the staff rooms its holders are in."""
    per_country: Flag = False
    """Held for the holder's own country only."""
    power: Power = 0
    """A holder's level, in the conversation of their area when `per_country`, else in the role's staff rooms.
    At most 50: it can remove messages and call the room, never people."""
    may: tuple[Permission, ...] = ()
    """What its holders may do by writing to our accounts; within their own area when `per_country`."""
    most: Count | None = None
    """How many may hold it: in each area when `per_country`, else in all."""
    days: Count = 365
    """How long it is held before somebody has to give it again."""


class Programme(Part):
    """A course or fellowship people come from. Vocabulary for vetting, never a room."""

    titles: Titles


class Package(StrEnum):
    """What a partner organisation is supported for."""

    RESEARCH = "research"
    CAPACITY = "capacity"
    POLICY = "policy"
    LEGAL_AID = "legal_aid"
    COORDINATION = "coordination"


class Partner(Part):
    """An organisation the network works with."""

    name: str = Field(min_length=1, max_length=120)
    scope: Scope
    """A country code, which need not be one of the network's, or `regional`."""
    packages: tuple[Package, ...] = Field(min_length=1)
    server: ServerName | None = None
    """Name of its own Matrix server, if people there are to come into joint rooms. Exactly this one, with its
    port if the name has one. Without it nobody of that organisation is reached by federation."""
    people: tuple[UserId, ...] = ()
    """User ids on that server: nobody else of it comes in anywhere."""


class JointRoom(Part):
    """A conversation made for partners: the only kind of room that people on other servers are ever in."""

    code_name: CodeName
    partners: tuple[Key, ...] = Field(min_length=1)
    """Whose people come in."""
    roles: tuple[Key, ...] = Field(min_length=1)
    """Whose holders come in from our side."""


class Waiver(Part):
    """A decision to live with what a rule finds, for a time."""

    rule: str
    """Id of the rule; `banyan audit --rules` lists them."""
    subject: str
    """What the finding is about: a room's key, a pseudonym, an account, a setting; `*` for all."""
    only: Mapping[str, str | int] = {}
    """Which finding exactly: values of it as `banyan audit --json` shows them, e.g. `{who: amber-heron}`.
    What differs in one of them is not covered."""
    reason: str = Field(min_length=10, max_length=300)
    """Why, for those who come after you. Name nobody."""
    until: date
    """Last day, in UTC. After it the waiver is itself a finding."""

    @property
    def ends(self) -> datetime:
        """The first moment in which it no longer holds."""
        return datetime.combine(self.until, time(), UTC) + timedelta(days=1)

    def covers(self, finding: Finding) -> bool:
        """Whether that finding is lived with."""
        if self.rule != finding.rule or self.subject not in ("*", finding.subject.name):
            return False
        values = finding.values
        return all(name in values and str(values[name]) == str(value) for name, value in self.only.items())

    def says_enough(self, named: Collection[str] | None) -> bool:
        """Whether it covers what somebody has seen, and nothing that may come later.

        `named` are the values that a waiver of its rule has to name; None where any waiver will do.
        """
        return named is None or (self.subject != "*" and self.only.keys() >= {*named})


class RoomStyle(Part):
    """How rooms of one kind are kept."""

    keep_days: Days
    """Days after which the server deletes messages."""
    federates: StaysHome = False
    """Fixed when a room is created."""


class AreaRoomStyle(RoomStyle):
    """A kind that every area has."""

    word: CodeName
    """Neutral word that follows the area's code name: `Juniper shade`."""


class JointStyle(RoomStyle):
    """Joint rooms: the only ones that people on partner servers are ever in."""

    federates: Literal[True] = True


class RoomStyles(Part):
    """One line per kind of room."""

    space: RoomStyle
    talk: AreaRoomStyle
    guide: AreaRoomStyle
    alert: AreaRoomStyle
    theme: RoomStyle
    staff: RoomStyle
    joint: JointStyle = JointStyle(keep_days=30)

    def of(self, kind: RoomKind) -> RoomStyle:
        """Return the style of a kind."""
        style: RoomStyle = getattr(self, kind.value)
        return style


class Limits(Part):
    """Numbers that policies and services obey."""

    private_chats: Literal["allowed", "none"] = "allowed"
    """Chats between two members who already share a room."""
    invitation_hours: Count = 72
    rooms_per_member: Count = 9
    """Entries in a member's room list, spaces and the desk's chat included."""
    visible_members: Count = 60
    """Other pseudonyms a member's device may see."""
    conversation_size: Count = 120
    """People in one conversation; larger rooms are announce-only."""
    alerts_per_hour: Count = 6
    """Per sender."""
    extreme_alerts_per_hour: Count = 20
    """Per sender, for severity `extreme`: counted apart so that a chatty sender can still cry out."""
    refused_alerts_per_minute: Count = 60
    """All unsigned or wrongly signed requests together."""
    freezes_per_hour: Count = 5
    """Members that one person may freeze: a stolen phone of the security staff must not freeze everybody."""
    devices_per_member: Count = 4
    sensitive_rooms: Count = 3
    """Staff and joint rooms that one member may be in."""
    unanswered_questions: Count = 3
    """Roll calls in a row without an answer after which somebody should ask how a member is."""
    vetting_days: Count = 365
    """Days after which somebody has to vouch for a member again."""
    provisional_days: Count = 14
    """Days that a member may be here without a confirmed device."""
    invitations_open: Count = 40
    """Invitations that may wait at one time."""


class Network(Part):
    """A declared network. Nothing in it names a person."""

    name: str = Field(min_length=1, max_length=120)
    """For those who run it; never told to the homeserver."""
    regional: Regional
    countries: Mapping[CountryCode, Country] = Field(min_length=1)
    themes: Mapping[Key, Theme] = {}
    programmes: Mapping[Key, Programme] = {}
    partners: Mapping[Key, Partner] = {}
    staff: Mapping[Key, StaffRoom] = Field(min_length=1)
    roles: Mapping[Key, Role] = Field(min_length=1)
    rooms: RoomStyles
    limits: Limits = Limits()
    words: tuple[str, ...] = ()
    """Words that no code name may have. Names of the countries and keys of the themes are added to them."""
    joint: Mapping[Key, JointRoom] = {}
    """Rooms for partners. Federation is off while none is declared."""
    team: Literal["full", "small"] = "full"
    """`small`: four people hold every duty; what they then cannot keep apart is reported and no finding."""
    push_gateways: tuple[str, ...] = ("matrix.org", "push.element.io")
    """Hosts that may pass notifications on to phones. They are told event ids only."""
    waivers: tuple[Waiver, ...] = ()
    """What is known to be wrong, and until when it may stay so."""

    @cached_property
    def areas(self) -> tuple[Area, ...]:
        """Every area, in the order of the file."""
        return tuple(self._areas())

    def area(self, key: str) -> Area:
        """Return the area of that key. Raise `NotFound`."""
        for area in self.areas:
            if area.key == key:
                return area
        raise _unknown(key, [area.key for area in self.areas])

    def zone_of(self, key: str) -> str:
        """Return the IANA zone of an area; UTC for one that the file has no more."""
        return next((area.zone for area in self.areas if area.key == key), "UTC")

    def expand(self, key: str) -> tuple[Area, ...]:
        """Areas that a country code, an area's key or `regional` stands for. Raise `NotFound`."""
        if key == REGIONAL:
            return self.areas
        if found := tuple(area for area in self.areas if key in (area.country, area.key)):
            return found
        raise _unknown(key, [*self.countries, *(area.key for area in self.areas), REGIONAL])

    def _areas(self) -> Iterator[Area]:
        for code, country in self.countries.items():
            cells = country.cells or (country.code_name,)
            for number, code_name in enumerate(cells, start=1):
                yield Area(
                    key=f"{code}-{number}" if country.cells else code,
                    country=code,
                    code_name=str(code_name),
                    language=country.languages[0],
                    languages=country.languages,
                    zone=country.time_zone,
                    size=country.cell_size if country.cells else None,
                )


def _unknown(key: str, known: list[str]) -> NotFound:
    hint = near(key, known) or f"the network has {', '.join(known)}."
    return NotFound(f"There is no area {key!r}: {hint}")
