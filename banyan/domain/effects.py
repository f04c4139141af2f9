"""The outbox: every outgoing effect is a row for an actor, written in the unit of work that decided it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Actor(StrEnum):
    """Who carries an effect out: only the process that holds the actor's credential drains its rows."""

    GATE = "gate"
    """Writes the allow table that the gate reads, and asks the gate to join people."""
    REGISTRAR = "registrar"
    WARDEN = "warden"
    DESK = "desk"
    ALARM = "alarm"
    STEWARD = "steward"
    OPERATOR = "operator"
    """Starts and stops the homeserver itself: done only where it is supervised, by `banyan up`."""


class EffectState(StrEnum):
    """`queued` → `done`, or `dead` when it can never succeed (it is reported, never retried silently)."""

    QUEUED = "queued"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True)
class NewEffect:
    """What a service asks for."""

    actor: Actor
    kind: str
    payload: Mapping[str, Any]
    lane: str = ""
    """Effects of one actor in one lane happen in order; lanes are independent. A room id or a user id.
    Empty: in no lane, waits for nobody."""
    subject: str | None = None
    """What it belongs to, e.g. an alert id: the status is read by it."""
    dedupe: str | None = None
    """Written once per value: a second effect with the same value is dropped silently."""
    after: str | None = None
    """Id of an effect, of any actor, that has to have ended first."""
    not_before: datetime | None = None
    """Earliest moment. In a lane it keeps the later ones waiting too."""
    secret: bool = False
    """The payload is erased once the effect is done (it carries a token)."""


@dataclass(frozen=True)
class Effect:
    """A row of the outbox."""

    id: str
    """Opaque, random; the Matrix transaction id, and the mark carried beside the ciphertext."""
    seq: int
    actor: Actor
    kind: str
    payload: Mapping[str, Any]
    lane: str
    subject: str | None
    state: EffectState
    queued: datetime
    attempts: int = 0
    """Attempts begun before this one."""
    first_attempt: datetime | None = None
    device_id: str | None = None
    """Device of the FIRST attempt: a transaction id is only good for the device that used it."""
    done: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
