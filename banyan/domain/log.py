"""The log of decisions: RFC 8785 entries in a hash chain, hashed as leaves of an RFC 6962 tree."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

import rfc8785

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
    MEMBER_FROZEN = "member-frozen"
    MEMBER_LET_IN = "member-let-in"
    MEMBER_BARRED = "member-barred"
    ROLE_GRANTED = "role-granted"
    ROLE_REVOKED = "role-revoked"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    PROPOSAL_EXPIRED = "proposal-expired"
    GATHERING_ANNOUNCED = "gathering-announced"
    GATHERING_CANCELLED = "gathering-cancelled"
    ROOM_ANNOUNCED = "room-announced"
    SENDER_ENROLLED = "sender-enrolled"
    SENDER_REVOKED = "sender-revoked"
    PARTNER_CUT = "partner-cut"
    PARTNER_READMITTED = "partner-readmitted"
    INTRUSION_SEEN = "intrusion-seen"
    ALERT_HELD = "alert-held"
    ALERT_QUEUED = "alert-queued"
    ALERT_REFUSED = "alert-refused"
    ALERT_EXPIRED = "alert-expired"
    CONSOLE_OPENED = "console-opened"


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


@dataclass(frozen=True)
class Checkpoint:
    """What the log was at one moment, signed, to be kept where nobody of us can change it."""

    size: int
    """Entries it covers."""
    at: datetime
    note: str
    """C2SP `tlog-checkpoint` in a `signed-note`: origin, size, base64 root, then signatures."""


def leaf_hash(body: bytes) -> str:
    """RFC 6962 section 2.1: SHA-256 of 0x00 and the leaf, in hex."""
    return sha256(b"\x00" + body).hexdigest()


def entry_body(entry: NewEntry, *, seq: int, at: datetime, prev: str) -> bytes:
    """RFC 8785 JSON of an entry in its place in the chain. `at` becomes UTC with microseconds."""
    return rfc8785.dumps(
        {
            "seq": seq,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "prev": prev,
            "action": entry.action.value,
            "actor": entry.actor,
            "object": entry.object,
            "reason": entry.reason,
            "details": dict(entry.details),
        }
    )


@dataclass(frozen=True)
class Break:
    """Where a chain stops holding. Nothing after it can be believed."""

    seq: int
    """Number that the entry in this place must have."""
    why: str
    """`gap`, `hash`, `unreadable`, `not-canonical`, `prev` or `mismatch`."""


def verify_chain(entries: Iterable[Entry]) -> Break | None:
    """The first break of a chain that starts at its first entry; None when it holds.

    A chain that was rewritten from some point to its end, or whose tail was cut off, holds too: only a head
    that somebody outside remembers shows that.
    """
    prev = GENESIS
    for seq, entry in enumerate(entries, start=1):
        why = _flaw(entry, seq, prev)
        if why:
            return Break(seq, why)
        prev = entry.hash
    return None


def _flaw(entry: Entry, seq: int, prev: str) -> str | None:
    if entry.seq != seq:
        return "gap"
    if leaf_hash(entry.body) != entry.hash:
        return "hash"
    try:
        body = json.loads(entry.body)
        at = datetime.fromisoformat(body["at"])
        if rfc8785.dumps(body) != entry.body:
            return "not-canonical"
    except (ValueError, KeyError, TypeError, RecursionError, rfc8785.CanonicalizationError):
        return "unreadable"
    if body.get("prev") != prev:
        return "prev"
    return None if body.get("seq") == seq and at == entry.at else "mismatch"
