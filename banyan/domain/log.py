"""The log of decisions: RFC 8785 entries in a hash chain, hashed as leaves of an RFC 6962 tree."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

import rfc8785

from banyan.domain.people import Member

GENESIS = "0" * 64
"""`prev` of the first entry."""

UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, rfc8785.CanonicalizationError)
"""What the bytes of an entry can raise when somebody else wrote them."""


class Action(StrEnum):
    """What was decided."""

    HOME_FOUNDED = "home-founded"
    ROOM_CREATED = "room-created"
    ROOM_CHANGED = "room-changed"
    ROOM_ARCHIVED = "room-archived"
    MEMBER_INVITED = "member-invited"
    MEMBER_ADMITTED = "member-admitted"
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
    IDENTITY_ACCEPTED = "identity-accepted"


ROUTINE = frozenset(
    {
        Action.HOME_FOUNDED,
        Action.ROOM_CREATED,
        Action.MEMBER_ADMITTED,
        Action.INVITATION_EXPIRED,
        Action.PROPOSED,
        Action.PROPOSAL_EXPIRED,
        Action.GATHERING_ANNOUNCED,
        Action.GATHERING_CANCELLED,
        Action.ROOM_ANNOUNCED,
        Action.ALERT_HELD,
        Action.ALERT_QUEUED,
        Action.ALERT_REFUSED,
        Action.ALERT_EXPIRED,
        Action.CONSOLE_OPENED,
    }
)
"""What happens by itself, or decides nothing about who may be where: it waits for the hourly checkpoint."""

SECURITY_DECISIONS = frozenset(Action) - ROUTINE
"""After these a checkpoint is signed at once. An action that nobody thought about is one of them."""


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
    names: Mapping[str, str] = field(default_factory=dict)
    """Field → value that the entry only commits to, e.g. `{"member": pseudonym}`; see `Opening`."""


def acting(member: Member) -> str:
    """A member who decides, as the log names them: roles and pseudonym, e.g. `focal_point:amber-heron`."""
    roles = "+".join(sorted(member.placement.roles)) or "member"
    return f"{roles}:{member.localpart}"


def about_member(
    action: Action,
    actor: str,
    member: Member,
    *,
    reason: str = "",
    details: Mapping[str, str | int | bool] = MappingProxyType({}),
) -> NewEntry:
    """An entry whose object is a member: it has their opaque id, and commits to their pseudonym."""
    return NewEntry(action, actor, member.id, reason, details, {"member": member.localpart})


@dataclass(frozen=True)
class Opening:
    """What a commitment stands for. It can be shredded: the entry, the chain and the tree hold without it."""

    seq: int
    field: str
    salt: str
    """Hex, 128 random bits: who guesses the value cannot try it out against the log."""
    value: str

    @property
    def commitment(self) -> str:
        """What the entry says: hex SHA-256 of salt and value."""
        return sha256(bytes.fromhex(self.salt) + self.value.encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A row of the log."""

    seq: int
    """1-based, without gaps."""
    at: datetime
    body: bytes
    """RFC 8785 JSON of `{"seq", "at", "prev", "action", "actor", "object", "reason", "details"}`.

    `commitments`, field → hex, stands in those that name somebody.
    """
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


def entry_body(
    entry: NewEntry, *, seq: int, at: datetime, prev: str, openings: Iterable[Opening] = ()
) -> bytes:
    """RFC 8785 JSON of an entry in its place in the chain. `at` becomes UTC with microseconds."""
    commitments = {opening.field: opening.commitment for opening in openings}
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
            **({"commitments": commitments} if commitments else {}),
        }
    )


def entry_from(body: bytes, seq: int) -> Entry:
    """An entry of which only the body was kept, as an export has it. A chain refuses what is unreadable."""
    try:
        at = datetime.fromisoformat(json.loads(body)["at"])
    except UNREADABLE:
        at = datetime.min.replace(tzinfo=UTC)
    return Entry(seq, at, body, leaf_hash(body))


@dataclass(frozen=True)
class Break:
    """Where a chain stops holding. Nothing after it can be believed."""

    seq: int
    """Number that the entry in this place must have."""
    why: str
    """`gap`, `hash`, `unreadable`, `not-canonical`, `prev` or `mismatch`."""


class Chain:
    """Follows a log from its first entry on. It remembers the last entry only."""

    def __init__(self) -> None:
        self.size = 0
        """Entries that hold so far."""
        self.head = GENESIS
        """Hash of the last of them."""
        self.action = ""
        """What the last of them says."""

    def follow(self, entry: Entry) -> Break | None:
        """Go on to the next entry; where it does not follow, stay and say why."""
        seq = self.size + 1
        try:
            body = json.loads(entry.body)
            canonical = rfc8785.dumps(body) == entry.body
            at, self.action = datetime.fromisoformat(body["at"]), body["action"]
        except UNREADABLE:
            return Break(seq, "unreadable" if leaf_hash(entry.body) == entry.hash else "hash")
        fine = {
            "gap": entry.seq == seq,
            "hash": leaf_hash(entry.body) == entry.hash,
            "not-canonical": canonical,
            "prev": body.get("prev") == self.head,
            "mismatch": body.get("seq") == seq and at == entry.at,
        }
        for why, holds in fine.items():
            if not holds:
                return Break(seq, why)
        self.size, self.head = seq, entry.hash
        return None
