"""Conversations under way, and proposals that wait for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.approvals import Proposal, ProposalKind, ProposalState
from banyan.domain.conversations import Conversation
from banyan.errors import IllegalMove
from banyan.store.tables import approvals, conversations, proposals
from banyan.store.transactions import insert_new

WAITING = proposals.c.state == ProposalState.WAITING.value


class SqlConversations:
    """`ports.Conversations`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, room_id: str, member_id: str) -> Conversation | None:
        """What that person was asked in that room."""
        query = select(conversations).where(
            conversations.c.room_id == room_id, conversations.c.member_id == member_id
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Conversation(**{**row._mapping, "choices": tuple(row.choices)})  # noqa: SLF001 - its documented name

    async def put(self, conversation: Conversation) -> None:
        """Remember a question; it takes the place of an earlier one."""
        await self.end(conversation.room_id, conversation.member_id)
        await self._connection.execute(
            conversations.insert().values(
                room_id=conversation.room_id,
                member_id=conversation.member_id,
                command=conversation.command,
                given=dict(conversation.given),
                asked=conversation.asked,
                choices=list(conversation.choices),
                until=conversation.until,
            )
        )

    async def end(self, room_id: str, member_id: str) -> None:
        """Forget what was asked."""
        await self._connection.execute(
            delete(conversations).where(
                conversations.c.room_id == room_id, conversations.c.member_id == member_id
            )
        )

    async def forget(self, before: datetime) -> int:
        """Erase the questions that nobody answered by then; how many."""
        old = delete(conversations).where(conversations.c.until < before)
        return (await self._connection.execute(old)).rowcount


class SqlProposals:
    """`ports.Proposals`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, proposal: Proposal) -> None:
        """Write a new one."""
        await self._connection.execute(
            proposals.insert().values(
                id=proposal.id,
                kind=proposal.kind.value,
                about=dict(proposal.about),
                author=proposal.author,
                member_id=proposal.member_id,
                code=proposal.code,
                state=proposal.state.value,
                created=proposal.created,
                expires=proposal.expires,
                reminded=proposal.reminded,
            )
        )

    async def get(self, proposal_id: str) -> Proposal | None:
        """The proposal with that id."""
        found = await self._some(proposals.c.id == proposal_id)
        return found[0] if found else None

    async def waiting(self) -> Sequence[Proposal]:
        """Those that wait, oldest first."""
        return await self._some(WAITING)

    async def codes(self, since: datetime) -> frozenset[str]:
        """The digits of those that wait, and of those that were to run out at that moment or later."""
        query = select(proposals.c.code).where(WAITING | (proposals.c.expires >= since))
        return frozenset((await self._connection.execute(query)).scalars())

    async def count_of(self, member_id: str, since: datetime) -> int:
        """How many that member has made since then, whatever came of them."""
        made = select(func.count()).where(proposals.c.member_id == member_id, proposals.c.created > since)
        return int((await self._connection.execute(made)).scalar_one())

    async def end(self, proposal_id: str, state: ProposalState) -> None:
        """Decide one for good. Raise `IllegalMove` when it waits no longer."""
        change = update(proposals).where(proposals.c.id == proposal_id, WAITING)
        if (await self._connection.execute(change.values(state=state.value))).rowcount != 1:
            raise IllegalMove("This was decided before.")

    async def set_reminded(self, proposal_id: str) -> None:
        """People were reminded of it."""
        change = update(proposals).where(proposals.c.id == proposal_id)
        await self._connection.execute(change.values(reminded=True))

    async def approve(self, proposal_id: str, member_id: str, at: datetime) -> bool:
        """Count an approval; False when that member's was counted before."""
        row = {"proposal_id": proposal_id, "member_id": member_id, "at": at}
        return await insert_new(self._connection, approvals, row)

    async def approvers(self, proposal_id: str) -> frozenset[str]:
        """Member ids of those who approved."""
        query = select(approvals.c.member_id).where(approvals.c.proposal_id == proposal_id)
        return frozenset((await self._connection.execute(query)).scalars())

    async def forget(self, before: datetime) -> int:
        """Erase those that were decided and had been made before that moment; how many."""
        old = select(proposals.c.id).where(~WAITING, proposals.c.created < before)
        await self._connection.execute(delete(approvals).where(approvals.c.proposal_id.in_(old)))
        gone = delete(proposals).where(~WAITING, proposals.c.created < before)
        return (await self._connection.execute(gone)).rowcount

    async def _some(self, *where: Any) -> Sequence[Proposal]:
        query = select(proposals).where(*where).order_by(proposals.c.created, proposals.c.id)
        return [_proposal(row) for row in await self._connection.execute(query)]


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        kind=ProposalKind(row.kind),
        about=row.about,
        author=row.author,
        member_id=row.member_id,
        code=row.code,
        created=row.created,
        expires=row.expires,
        state=ProposalState(row.state),
        reminded=row.reminded,
    )
