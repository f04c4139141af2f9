"""Books about people: who there is, where they are, what they were asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from banyan.domain.approvals import Proposal, ProposalState
from banyan.domain.checkins import Answer, Checkin, RollLine
from banyan.domain.conversations import Conversation
from banyan.domain.gatherings import Gathering, Rsvp
from banyan.domain.people import Invitation, Member, MemberStatus
from banyan.domain.rooms import Room, RoomKey


class Members(Protocol):
    """The members of the network."""

    async def add(self, member: Member) -> None:
        """Raise `Taken` when the pseudonym exists."""

    async def get(self, member_id: str) -> Member | None: ...
    async def by_localpart(self, localpart: str) -> Member | None: ...
    async def by_chat(self, room_id: str) -> Member | None:
        """The member whose chat with the desk that is."""

    async def all(self, *statuses: MemberStatus) -> Sequence[Member]: ...
    async def asked_for_by(self, member_id: str) -> Sequence[Member]:
        """Everybody whose invitation that member asked for, whatever became of it."""

    async def with_roles(self) -> Sequence[Member]:
        """Admitted members who hold a role: few, however many members there are."""

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
    async def terms(self) -> Mapping[str, Mapping[str, datetime]]:
        """Member id → role → since when it is held."""


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
    async def set_frozen(self, key: RoomKey, *, frozen: bool) -> None: ...
    async def remove(self, key: RoomKey) -> None: ...


class Duties(Protocol):
    """When those who decide may be woken."""

    async def set(self, member_id: str, begins: int, ends: int) -> None:
        """Full hours of their own zone, the last one not among them."""

    async def all(self) -> Mapping[str, tuple[int, int]]:
        """Member id → first hour and the hour after the last; who has said nothing is not there."""


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
