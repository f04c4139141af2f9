"""Emergency alerts: CAP 1.2 vocabularies in lower case, states, and what one signed body says."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What happened (programmes.md ER5)."""

    ARREST = "arrest"
    SUMMONS = "summons"
    LAWSUIT = "lawsuit"
    SURVEILLANCE = "surveillance"
    RAID = "raid"
    DISAPPEARANCE = "disappearance"
    VIOLENCE = "violence"
    SHUTDOWN = "shutdown"
    OTHER = "other"


class Status(StrEnum):
    """CAP 1.2 `status`, without `draft` and `system`, which are never relayed."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Severity(StrEnum):
    """CAP 1.2 `severity`, worst first."""

    EXTREME = "extreme"
    SEVERE = "severe"
    MODERATE = "moderate"
    MINOR = "minor"
    UNKNOWN = "unknown"


class Response(StrEnum):
    """CAP 1.2 `responseType`."""

    SHELTER = "shelter"
    EVACUATE = "evacuate"
    PREPARE = "prepare"
    EXECUTE = "execute"
    AVOID = "avoid"
    MONITOR = "monitor"
    ASSESS = "assess"
    ALLCLEAR = "allclear"
    NONE = "none"


class AlertState(StrEnum):
    """An alert is held until two persons approve it, or queued for its rooms."""

    HELD = "held"
    QUEUED = "queued"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody decided in time."""


NEEDS_TWO_RESPONSES = frozenset({Response.EVACUATE, Response.SHELTER})

STAFF = ""
"""`sender` of what our own staff asked for."""


@dataclass(frozen=True)
class AlertText:
    """What the alert says in one language. Plain text."""

    headline: str
    description: str = ""
    instruction: str = ""


@dataclass(frozen=True)
class Alert:
    """One accepted alert. Immutable."""

    id: str
    """Ours: opaque, random."""
    sender: str
    """Name of an enrolled sender, or `STAFF`."""
    identifier: str
    """The sender's own id; unique per sender."""
    sent: datetime
    expires: datetime
    status: Status
    areas: tuple[str, ...]
    kind: Kind
    severity: Severity
    response: Response
    texts: dict[str, AlertText]
    """By BCP 47 tag; `en` is there when a sender wrote it, none when our own staff asked for it."""
    state: AlertState
    received: datetime
    addition: str = ""
    """What staff added in their own words: shown everywhere, marked as not translated."""


@dataclass(frozen=True)
class Sender:
    """Someone whose signed alerts are accepted."""

    name: str
    public_key: bytes
    """Ed25519, 32 bytes."""
    direct: bool = False
    """May alert alone, within the limits of `needs_two`."""


def needs_two(sender: Sender, severity: Severity, response: Response) -> bool:
    """Whether an alert stays held until two persons approve (DESIGN, contracts)."""
    return not sender.direct or severity is Severity.EXTREME or response in NEEDS_TWO_RESPONSES


class Delivery(StrEnum):
    """Where an alert stands in one room."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    """It will never arrive there; people have to be told by another way."""


@dataclass(frozen=True)
class RoomDelivery:
    """One line of an alert's status."""

    area: str
    room_id: str
    state: Delivery
    event_id: str | None = None
    queued: datetime | None = None
    sent: datetime | None = None
    seen: int = 0
    """People whose read receipt reached the event: a lower bound, receipts can be switched off."""
