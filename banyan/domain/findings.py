"""What an audit says: findings, and the audit that made them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

Value = str | int


class Severity(IntEnum):
    """How bad it is, in order."""

    NOTICE = 1
    """Somebody should know."""
    WARNING = 2
    """It has to be put right, soon."""
    BREACH = 3
    """Somebody can read, enter or decide who must not: now."""


class About(StrEnum):
    """What a finding is about, and so what facts its rule is asked of."""

    ROOM = "room"
    MEMBER = "member"
    ACCOUNT = "account"
    """One of our own accounts."""
    SERVER = "server"
    NETWORK = "network"
    """The network as a whole: who may decide, waivers, what could not be checked."""


@dataclass(frozen=True)
class Subject:
    """One room, member, account or the server."""

    about: About
    name: str
    """A room's key (its id, where it has none), a pseudonym, an account's name, a setting's key."""

    def __str__(self) -> str:
        return f"{self.about}:{self.name}"


@dataclass(frozen=True)
class Finding:
    """One rule that one subject does not keep."""

    rule: str
    severity: Severity
    subject: Subject
    values: Mapping[str, Value] = field(default_factory=dict)
    """What the rule's title and remedy are filled with: codes, numbers and pseudonyms."""
    waived: datetime | None = None
    """Until when somebody has decided to live with it."""
    needs_keeper: bool = False
    """The warden cannot put it right, though it does so elsewhere: only the keeper can."""


@dataclass(frozen=True)
class Judgement:
    """What the rules say of the facts."""

    findings: tuple[Finding, ...]
    """Worst first, waived ones not among them."""
    waived: tuple[Finding, ...] = ()
    separations: tuple[Finding, ...] = ()
    """Duties that a small team cannot keep apart: known, and no fault."""

    @property
    def worst(self) -> Severity | None:
        """The gravest severity; None when all is well."""
        return max((finding.severity for finding in self.findings), default=None)

    def count(self, severity: Severity) -> int:
        """How many findings are of that severity."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass(frozen=True)
class Audit:
    """One audit, as it is kept."""

    id: str
    at: datetime
    cause: str
    """`daily`, `apply`, `asked` or `start`."""
    judgement: Judgement
    rooms: int
    members: int
    uncovered: Sequence[int] = ()
    """Hours ahead, counted from the full hour of `at`, in which fewer than two approvers can be reached."""


@dataclass(frozen=True)
class Tally:
    """How many findings an audit had, for the chart."""

    at: datetime
    notices: int
    warnings: int
    breaches: int
