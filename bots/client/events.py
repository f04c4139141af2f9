"""What the client tells those who use it, and what it asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from bots.client.trust import Trust


class KeyPolicy(Enum):
    """Which devices of a room's people are given its keys."""

    OWNER_SIGNED = "owner-signed"
    """Only devices their owner has vouched for, under the identity we saw first."""
    EVERY_DEVICE = "every-device"
    """All; those without a signature are reported. Nobody misses an alarm over a missing signature."""
    PLAIN = "plain"
    """The room is meant to be unencrypted. Everywhere else nothing ever leaves in clear."""


class Roster(Protocol):
    """Our own list of who belongs where. A member the homeserver slipped in is not on it and gets no key."""

    async def allowed(self, room_id: str) -> frozenset[str]:
        """User ids that may have the keys of this room. Asked before every send, so it has to be quick."""
        ...

    def policy(self, room_id: str) -> KeyPolicy:
        """Which of their devices."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """Anything somebody else said in a room: a message, a poll answer, a reaction, a redaction.

    `content["m.relates_to"]["event_id"]` is what an answer or a reaction is about, `content["redacts"]` what
    a redaction erases, whatever the room's version. Both come from outside and may be of any shape.
    """

    room_id: str
    event_id: str
    sender: str
    device_id: str | None
    """The device that encrypted it, when the homeserver lists it."""
    type: str
    content: Mapping[str, Any]
    encrypted: bool
    trust: Trust
    known_since: int | None
    """When we first saw the identity that vouches for the device, in ms since 1970; None without one."""
    sent_at: int
    """By the homeserver's clock, in ms since 1970."""
    relation_in_clear: bool = False
    """The relation (`m.relates_to`) stood beside the ciphertext: the homeserver could have put it there."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody's membership of a room changed; also our own, e.g. an invitation."""

    room_id: str
    user_id: str
    membership: str
    sender: str


class ReportKind(Enum):
    """What staff should know about the encryption."""

    UNSIGNED_DEVICE = "unsigned-device"
    """A device without its owner's signature has the keys of a room, or was refused them, by policy."""
    IDENTITY_CHANGED = "identity-changed"
    DEVICE_CHANGED = "device-changed"
    """A device shows another key than before and its owner has not vouched for it. It is ignored."""
    UNDECRYPTABLE = "undecryptable"
    """A message cannot be read, at least not yet."""
    UNREACHABLE_DEVICE = "unreachable-device"
    """A device has no keys left to begin a conversation with; it cannot read us until it comes online."""
    NOT_ON_ROSTER = "not-on-roster"
    """Somebody is in the room who is not on our list. They get no key."""
    REACHABLE = "reachable"
    """A person has a device they vouch for, and had none before: what is sent to them now can be read."""
    HANDLER_FAILED = "handler-failed"


@dataclass(frozen=True, slots=True)
class Report:
    """One such thing. Ids only."""

    kind: ReportKind
    room_id: str | None = None
    user_id: str | None = None
    device_id: str | None = None
    event_id: str | None = None
