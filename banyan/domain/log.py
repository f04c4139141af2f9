"""The log of decisions: RFC 8785 entries in a hash chain (RFC 6962 leaf hashing, so that a tree can be built over it)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

GENESIS = "0" * 64
"""`prev` of the first entry."""


class Action(StrEnum):
    """What was decided."""

    HOME_FOUNDED = "home-founded"
    NETWORK_APPLIED = "network-applied"
    ROOM_CREATED = "room-created"
    ROOM_CHANGED = "room-changed"
    ROOM_ARCHIVED = "room-archived"
    MEMBER_INVITED = "member-invited"
    MEMBER_ADMITTED = "member-admitted"
    MEMBER_REMOVED = "member-removed"
    INVITATION_EXPIRED = "invitation-expired"
    ROLE_GRANTED = "role-granted"
    SENDER_ENROLLED = "sender-enrolled"
    SENDER_REVOKED = "sender-revoked"
    ALERT_HELD = "alert-held"
    ALERT_QUEUED = "alert-queued"


@dataclass(frozen=True)
class NewEntry:
    """What a service writes. No content, no names of people, no addresses."""

    action: Action
    actor: str
    """Role and pseudonym or machine part, e.g. `operator`, `sender:relay-1`, `service:gate`."""
    object: str
    """An opaque id or a room key."""
    reason: str = ""
    """A code, never free text."""
    details: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A row of the log."""

    seq: int
    """1-based, without gaps."""
    at: datetime
    body: bytes
    """RFC 8785 JSON of `{"seq", "at", "prev", "action", "actor", "object", "reason", "details"}`."""
    hash: str
    """Hex of `leaf_hash(body)`; the next entry's `prev`."""


def leaf_hash(body: bytes) -> str:
    """RFC 6962 section 2.1: SHA-256 of 0x00 and the leaf, in hex."""
    return sha256(b"\x00" + body).hexdigest()
