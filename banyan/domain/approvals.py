"""What needs two persons: a proposal waits until enough of those who may decide stand behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

NEEDED = 2
"""Persons who stand behind it. Who asked is one of them when they may decide about it themselves."""


class ProposalKind(StrEnum):
    """What a proposal is about."""

    ALERT = "alert"
    INVITE = "invite"
    ROLE = "role"


class ProposalState(StrEnum):
    """`waiting` → one of the others, for good."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Too few people decided in time."""


@dataclass(frozen=True)
class Proposal:
    """Something somebody asked for that one person may not do alone."""

    id: str
    kind: ProposalKind
    about: Mapping[str, Any]
    """What will be done: codes and ids, never a text that somebody wrote."""
    author: str
    """Who asked, as the log names them: `focal_point:amber-heron`, `sender:relay-1`."""
    member_id: str | None
    """The member who asked; None for a sender or the operator."""
    code: str
    """Four digits, told only in the preview: who types them has read it."""
    created: datetime
    expires: datetime
    state: ProposalState = ProposalState.WAITING
    reminded: bool = False
