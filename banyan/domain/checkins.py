"""The roll call after a serious alert: everybody addressed is asked whether they are safe."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from banyan.domain.alerts import Alert, AlertState, Response, Severity, Status

SERIOUS = frozenset({Severity.EXTREME, Severity.SEVERE})

LASTS = timedelta(hours=24)
"""How long answers are taken, or until the alert expires where that is later."""


class Answer(StrEnum):
    """What a member answers. The last answer counts."""

    SAFE = "safe"
    HELP = "help"
    """They need help."""
    SILENT = "silent"
    """They cannot talk."""


@dataclass(frozen=True)
class Checkin:
    """One member addressed by an alert, and what they answered."""

    alert_id: str
    member_id: str
    answer: Answer | None = None
    at: datetime | None = None
    """When they answered last."""


@dataclass(frozen=True)
class RollLine:
    """One line of a roll call: a member who is one still."""

    localpart: str
    area: str
    answer: Answer | None


def asks(alert: Alert) -> bool:
    """Whether members are asked how they are: for real, serious, and not over."""
    return (
        alert.status is Status.ACTUAL
        and alert.severity in SERIOUS
        and alert.response is not Response.ALLCLEAR
        and alert.state is AlertState.QUEUED
    )


def closes(alert: Alert) -> datetime:
    """Until when answers are taken."""
    return max(alert.received + LASTS, alert.expires)
