"""What the core needs of the world. Fakes in `tests/fakes.py`, the real ones in their packages."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from banyan.domain.alerts import Alert, AlertState, Sender
from banyan.domain.approvals import Proposal, ProposalState
from banyan.domain.checkins import Answer, Checkin, RollLine
from banyan.domain.conversations import Conversation
from banyan.domain.effects import Actor, Effect, NewEffect
from banyan.domain.gatherings import Gathering, Rsvp
from banyan.domain.log import Entry, NewEntry
from banyan.domain.people import Invitation, Member, MemberStatus
from banyan.domain.rooms import Room, RoomKey


class Clock(Protocol):
    """The time, in UTC and aware."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Randomness, injected so that tests can repeat it."""

    def opaque(self) -> str:
        """32 hex digits."""

    def token(self) -> str:
        """A registration token: 32 characters of the unreserved URL alphabet."""

    def pseudonym(self) -> str:
        """A made-up local part, e.g. `amber-heron`; may collide, the caller asks again."""

    def code(self) -> str:
        """Four digits, the first not 0; may collide, the caller asks again."""


class Members(Protocol):
    """The members of the network."""

    async def add(self, member: Member) -> None:
        """Raise `Taken` when the pseudonym exists."""

    async def get(self, member_id: str) -> Member | None: ...
    async def by_localpart(self, localpart: str) -> Member | None: ...
    async def by_chat(self, room_id: str) -> Member | None:
        """The member whose chat with the desk that is."""

    async def all(self, *statuses: MemberStatus) -> Sequence[Member]: ...
    async def count_by_area(self) -> Mapping[str, int]:
        """Invited and admitted members per area."""

    async def set_status(self, member_id: str, status: MemberStatus) -> None:
        """Raise `IllegalMove` unless `TRANSITIONS` allows it."""

    async def set_language(self, member_id: str, language: str) -> None: ...
    async def set_chat(self, member_id: str, room_id: str) -> None: ...
    async def set_welcomed(self, member_id: str) -> None: ...
    async def grant(self, member_id: str, role: str) -> None: ...
    async def revoke(self, member_id: str, role: str) -> None: ...
    async def add_theme(self, member_id: str, theme: str) -> None: ...
    async def bar(self, member_id: str, key: RoomKey) -> None:
        """Keep the member out of one conversation."""

    async def unbar(self, member_id: str, key: RoomKey) -> None: ...


class Invitations(Protocol):
    """Single-use ways in."""

    async def add(self, invitation: Invitation) -> None: ...
    async def by_token_hash(self, token_hash: str) -> Invitation | None: ...
    async def of_invited(self) -> Sequence[Invitation]:
        """Every invitation of a member still invited, run out or not."""

    async def due(self, now: datetime) -> Sequence[Invitation]:
        """Those that have run out and belong to members still invited."""


class Rooms(Protocol):
    """The declared rooms that exist."""

    async def put(self, room: Room) -> None: ...
    async def all(self) -> Sequence[Room]: ...
    async def get(self, key: RoomKey) -> Room | None: ...
    async def by_id(self, room_id: str) -> Room | None: ...
    async def remove(self, key: RoomKey) -> None: ...


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

    async def begin(self, effect_ids: Sequence[str], now: datetime, device_id: str | None) -> None:
        """Note an attempt, before anything leaves: attempts + 1; first_attempt and device_id once."""

    async def done(self, effect_id: str, now: datetime, result: Mapping[str, Any]) -> None: ...
    async def retry(self, effect_id: str, not_before: datetime, reason: str) -> None: ...
    async def dead(self, effect_id: str, reason: str) -> None: ...
    async def waiting(self) -> Mapping[Actor, int]:
        """How many rows are queued, per actor (a metric)."""

    async def forget(self, before: datetime) -> int:
        """Erase what rows that ended before that moment said; how many. Their `dedupe` values stay known."""


class Log(Protocol):
    """The append-only log of decisions."""

    async def append(self, entry: NewEntry) -> Entry: ...
    async def all(self, after: int = 0) -> Sequence[Entry]: ...
    async def head(self) -> Entry | None: ...


class Answered(Protocol):
    """Which incoming events were handled (ids only, kept for days): an incoming event acts once."""

    async def first(self, event_id: str, now: datetime) -> bool:
        """True the first time, false ever after."""

    async def forget(self, before: datetime) -> int:
        """Erase what was handled before that moment; how many."""


class Conversations(Protocol):
    """What people were asked and have not answered yet."""

    async def get(self, room_id: str, member_id: str) -> Conversation | None: ...
    async def put(self, conversation: Conversation) -> None:
        """It takes the place of an earlier one of the same person in the same room."""

    async def end(self, room_id: str, member_id: str) -> None: ...
    async def forget(self, before: datetime) -> int:
        """Erase the questions that nobody answered by then; how many."""


class Proposals(Protocol):
    """What waits for a second person."""

    async def add(self, proposal: Proposal) -> None: ...
    async def get(self, proposal_id: str) -> Proposal | None: ...
    async def waiting(self) -> Sequence[Proposal]: ...
    async def codes(self, since: datetime) -> frozenset[str]:
        """The digits of those that wait, and of those that were to run out at that moment or later."""

    async def count_of(self, member_id: str, since: datetime) -> int:
        """How many that member has made since then, whatever came of them."""

    async def end(self, proposal_id: str, state: ProposalState) -> None:
        """Raise `IllegalMove` when it waits no longer."""

    async def set_reminded(self, proposal_id: str) -> None: ...
    async def approve(self, proposal_id: str, member_id: str, at: datetime) -> bool:
        """False when that member's approval was counted before."""

    async def approvers(self, proposal_id: str) -> frozenset[str]: ...
    async def forget(self, before: datetime) -> int:
        """Erase those that were decided and had been made before that moment; how many."""


class Gatherings(Protocol):
    """Gatherings, and who will come."""

    async def add(self, gathering: Gathering) -> None: ...
    async def get(self, gathering_id: str) -> Gathering | None: ...
    async def upcoming(self, now: datetime) -> Sequence[Gathering]:
        """Those that lie ahead and stand, the next one first."""

    async def due(self, now: datetime) -> Sequence[Gathering]:
        """Those whose moment to remind has come, begun ones included, and that nobody was reminded of."""

    async def set_reminded(self, gathering_id: str) -> None: ...
    async def cancel(self, gathering_id: str) -> None: ...
    async def set_rsvp(
        self, gathering_id: str, member_id: str, answer: Rsvp, event_id: str | None = None
    ) -> None:
        """What the member answers from now on; `event_id` is the reaction that says it, if one does.

        Words take the place of every earlier answer, a reaction stands beside the earlier ones.
        """

    async def withdraw_rsvp(self, event_id: str) -> None:
        """Forget the answer that this reaction gave: the latest that is left counts."""

    async def rsvps(self, gathering_id: str) -> Mapping[str, Rsvp]:
        """Latest answers by member id: of those who are members still."""

    async def forget(self, before: datetime) -> int:
        """Erase gatherings that began before that moment, with every answer; how many."""


class Posts(Protocol):
    """Which of our events speak of what."""

    async def add(self, event_id: str, subject: str, at: datetime) -> None:
        """`at` is when what it speaks of happens: from then on it ages. Nothing happens when it is known."""

    async def subject_of(self, event_id: str) -> str | None: ...
    async def forget(self, before: datetime) -> int:
        """Erase those whose `at` lies before that moment; how many."""


class Checkins(Protocol):
    """Who was asked whether they are safe, and what they answered."""

    async def add(self, alert_id: str, member_ids: Sequence[str]) -> None:
        """Expect an answer of these members; those who are expected already keep theirs."""

    async def get(self, alert_id: str, member_id: str) -> Checkin | None: ...
    async def of_member(self, member_id: str) -> Sequence[Checkin]:
        """Every roll call of that member, the newest alert first."""

    async def set_answer(self, alert_id: str, member_id: str, answer: Answer, at: datetime) -> None: ...
    async def expected(self, alert_id: str) -> frozenset[str]:
        """Ids of the members of whom an answer is expected."""

    async def answers(self, alert_id: str) -> Sequence[RollLine]:
        """The roll call of that alert: of those who are members still."""

    async def called(self) -> Sequence[str]:
        """Ids of the alerts after which members were asked, the newest first."""

    async def forget(self, before: datetime) -> int:
        """Erase the roll calls of alerts that came in before that moment; how many answers."""


class UnitOfWork(Protocol):
    """One transaction: a decision, its log entry and its effects are written together or not at all."""

    @property
    def members(self) -> Members: ...
    @property
    def invitations(self) -> Invitations: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def senders(self) -> Senders: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def gatherings(self) -> Gatherings: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def checkins(self) -> Checkins: ...
    @property
    def log(self) -> Log: ...
    @property
    def answered(self) -> Answered: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def proposals(self) -> Proposals: ...


class Work(Protocol):
    """`async with work() as tx:` commits at the end, rolls back on an exception, wakes the outbox after.

    It excludes every other writer from its first line on, so what it read is still true when it commits.
    Never open one inside another.
    """

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """One consistent view that waits for nobody; writing in it fails."""


class Vault(Protocol):
    """Secrets of the home, by purpose; the home secret itself never leaves."""

    def mac(self, purpose: str, message: str) -> str:
        """Hex HMAC-SHA256 under a key derived for that purpose: locators, status links, log commitments."""


class Registration(Protocol):
    """How the join page registers a person, by the same public way a client would use."""

    async def register(self, localpart: str, passphrase: str, token: str) -> None:
        """Raise `TokenSpent`, `WeakPassphrase` or `HomeserverDown`."""


__all__ = [
    "Alerts",
    "Answered",
    "Checkins",
    "Clock",
    "Conversations",
    "Gatherings",
    "Ids",
    "Invitations",
    "Log",
    "Members",
    "Outbox",
    "Posts",
    "Proposals",
    "Registration",
    "Rooms",
    "Senders",
    "UnitOfWork",
    "Vault",
    "Work",
]
