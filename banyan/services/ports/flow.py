"""Books about what comes in, goes out and is decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from banyan.domain.alerts import Alert, AlertState, Sender
from banyan.domain.effects import Actor, Effect, NewEffect
from banyan.domain.log import Checkpoint, Entry, NewEntry, Opening
from banyan.domain.notes import Head, PublicKey


class Senders(Protocol):
    """Who may send signed alerts."""

    async def add(self, sender: Sender) -> None:
        """Raise `Taken` when the name exists."""

    async def get(self, name: str) -> Sender | None:
        """None also for a revoked one."""

    async def all(self) -> Sequence[Sender]: ...
    async def revoke(self, name: str) -> None: ...


class Alerts(Protocol):
    """Accepted alerts."""

    async def add(self, alert: Alert, body_hash: str) -> None:
        """Raise `Taken` when this sender has sent the same body or identifier before."""

    async def get(self, alert_id: str) -> Alert | None: ...
    async def find(self, sender: str, identifier: str, body_hash: str) -> Alert | None:
        """The first alert of that sender with the same body or the same identifier."""

    async def set_state(self, alert_id: str, state: AlertState) -> None: ...
    async def all(self, state: AlertState | None = None) -> Sequence[Alert]: ...
    async def saw(self, event_id: str, people: int) -> None:
        """Raise the count of people who have seen that event to at least `people`."""

    async def seen(self, event_ids: Sequence[str]) -> Mapping[str, int]: ...


class Outbox(Protocol):
    """Outgoing effects. Rows are never deleted by an actor; retention erases them later."""

    async def put(self, effect: NewEffect) -> str:
        """The id; the existing one when `dedupe` matches."""

    async def put_all(self, effects: Sequence[NewEffect]) -> None:
        """Many at once, in this order, in one statement: an alert must not wait for its own book-keeping."""

    async def known(self, dedupes: Sequence[str]) -> frozenset[str]:
        """Which of these `dedupe` values were written before."""

    async def of_subject(self, subject: str) -> Sequence[Effect]: ...
    async def latest(self, actor: Actor) -> int:
        """Number of the last effect written for that actor; it grows with every one. 0 without any."""

    async def get(self, effect_id: str) -> Effect | None: ...
    async def due(self, actor: Actor, now: datetime, limit: int) -> Sequence[Effect]:
        """Queued rows whose time has come: of each lane the oldest queued row only, oldest first."""

    async def queued(self, actor: Actor, lane: str) -> Sequence[Effect]:
        """What is not done yet in that lane, oldest first, begun or not."""

    async def queued_of(self, actor: Actor, kind: str) -> Sequence[Effect]:
        """What is not done yet of that kind, oldest first, begun or not."""

    async def begin(self, effect_ids: Sequence[str], now: datetime, device_id: str | None) -> None:
        """Note an attempt, before anything leaves: attempts + 1; first_attempt and device_id once."""

    async def done(self, effect_id: str, now: datetime, result: Mapping[str, Any]) -> None: ...
    async def retry(self, effect_id: str, not_before: datetime, reason: str) -> None: ...
    async def dead(self, effect_id: str, reason: str) -> None: ...
    async def waiting(self) -> Mapping[Actor, int]:
        """How many rows are queued, per actor (a metric)."""

    async def stuck(self, actor: Actor, attempts: int) -> bool:
        """Whether that actor has tried something that often and it is not done."""

    async def forget(self, before: datetime) -> int:
        """Erase what rows that ended before that moment said; how many. Their `dedupe` values stay known."""


class Log(Protocol):
    """The append-only log of decisions."""

    async def append(self, entry: NewEntry) -> Entry: ...
    async def all(self, after: int = 0, limit: int | None = None) -> Sequence[Entry]: ...
    async def head(self) -> Entry | None: ...
    async def openings(self) -> Mapping[int, Sequence[Opening]]:
        """By the number of the entry: what its commitments stand for, as far as it was not shredded."""

    async def shred(self, before: datetime) -> int:
        """Erase whom entries are about, of those gone of whom nothing was written since then; how many."""


class Uses(Protocol):
    """When somebody used what they may use so many times only."""

    async def count(self, name: str, after: datetime, until: datetime) -> int:
        """How often between these, the first one left out."""

    async def add(self, name: str, at: datetime) -> None: ...
    async def forget(self, before: datetime) -> int: ...


class Notary(Protocol):
    """Holds the key that signs the log."""

    @property
    def key(self) -> PublicKey:
        """Whose signature it is; its name is the origin of the log."""

    def sign(self, head: Head) -> str:
        """The checkpoint as a signed note; the same bytes each time."""


class Checkpoints(Protocol):
    """Signed states of the log."""

    async def add(self, checkpoint: Checkpoint) -> None: ...
    async def latest(self) -> Checkpoint | None: ...
    async def all(self) -> Sequence[Checkpoint]: ...


class Answered(Protocol):
    """Which incoming events were handled (ids only, kept for days): an incoming event acts once."""

    async def first(self, event_id: str, now: datetime) -> bool:
        """True the first time, false ever after."""

    async def forget(self, before: datetime) -> int:
        """Erase what was handled before that moment; how many."""


class Noted(Protocol):
    """Single values that outlive a restart."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str) -> None: ...
