"""Gatherings, who will come, and which of our events speak of what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.gatherings import Gathering, Rsvp
from banyan.domain.people import MemberStatus
from banyan.store.tables import gatherings, members, posts, rsvps
from banyan.store.transactions import insert_new

STANDING = gatherings.c.cancelled.is_(False)


class SqlGatherings:
    """`ports.Gatherings`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, gathering: Gathering) -> None:
        """Remember a gathering."""
        await self._connection.execute(
            gatherings.insert().values(
                id=gathering.id,
                title=gathering.title,
                starts=gathering.starts,
                areas=list(gathering.areas),
                author=gathering.author,
                remind=gathering.remind,
                reminded=gathering.reminded,
                cancelled=gathering.cancelled,
            )
        )

    async def get(self, gathering_id: str) -> Gathering | None:
        """The gathering with that id."""
        found = await self._some(gatherings.c.id == gathering_id)
        return found[0] if found else None

    async def upcoming(self, now: datetime) -> Sequence[Gathering]:
        """Those that lie ahead and stand, the next one first."""
        return await self._some(gatherings.c.starts > now, STANDING)

    async def due(self, now: datetime) -> Sequence[Gathering]:
        """Those whose moment to remind has come, begun ones included, and that nobody was reminded of."""
        return await self._some(gatherings.c.remind <= now, gatherings.c.reminded.is_(False), STANDING)

    async def set_reminded(self, gathering_id: str) -> None:
        """The reminders are on their way, or came too late."""
        await self._set(gathering_id, reminded=True)

    async def cancel(self, gathering_id: str) -> None:
        """It will not take place."""
        await self._set(gathering_id, cancelled=True)

    async def set_rsvp(
        self, gathering_id: str, member_id: str, answer: Rsvp, event_id: str | None = None
    ) -> None:
        """What the member answers from now on; `event_id` is the reaction that says it, if one does.

        Words take the place of every earlier answer; a reaction leaves the earlier ones, which stand on the
        member's screen beside it, for the case that it is taken back.
        """
        row = {"gathering_id": gathering_id, "member_id": member_id, "answer": answer.value}
        if event_id is None:
            of = rsvps.c
            mine = delete(rsvps).where(of.gathering_id == gathering_id, of.member_id == member_id)
            await self._connection.execute(mine)
        await insert_new(self._connection, rsvps, row | {"event_id": event_id})

    async def withdraw_rsvp(self, event_id: str) -> None:
        """Forget the answer that this reaction gave: the latest that is left counts."""
        await self._connection.execute(delete(rsvps).where(rsvps.c.event_id == event_id))

    async def rsvps(self, gathering_id: str) -> Mapping[str, Rsvp]:
        """Latest answers by member id: of those who are members still."""
        query = (
            select(rsvps.c.member_id, rsvps.c.answer)
            .join(members)
            .where(rsvps.c.gathering_id == gathering_id, members.c.status == MemberStatus.ADMITTED.value)
            .order_by(rsvps.c.seq)
        )
        return {member_id: Rsvp(answer) for member_id, answer in await self._connection.execute(query)}

    async def forget(self, before: datetime) -> int:
        """Erase gatherings that began before that moment, with every answer; how many."""
        old = gatherings.c.starts < before
        theirs = rsvps.c.gathering_id.in_(select(gatherings.c.id).where(old))
        await self._connection.execute(delete(rsvps).where(theirs))
        return (await self._connection.execute(delete(gatherings).where(old))).rowcount

    async def _set(self, gathering_id: str, **values: bool) -> None:
        await self._connection.execute(
            update(gatherings).where(gatherings.c.id == gathering_id).values(values)
        )

    async def _some(self, *where: ColumnElement[bool]) -> Sequence[Gathering]:
        query = select(gatherings).where(*where).order_by(gatherings.c.starts, gatherings.c.id)
        return [_gathering(row) for row in await self._connection.execute(query)]


class SqlPosts:
    """`ports.Posts`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, event_id: str, subject: str, at: datetime) -> None:
        """Remember what an event of ours speaks of; nothing happens when that is known."""
        await insert_new(self._connection, posts, {"event_id": event_id, "subject": subject, "at": at})

    async def subject_of(self, event_id: str) -> str | None:
        """What the event speaks of; None for one we did not post, or forgot."""
        query = select(posts.c.subject).where(posts.c.event_id == event_id)
        found: str | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found

    async def forget(self, before: datetime) -> int:
        """Erase those whose `at` lies before that moment; how many."""
        return (await self._connection.execute(delete(posts).where(posts.c.at < before))).rowcount


def _gathering(row: Row[Any]) -> Gathering:
    return Gathering(
        id=row.id,
        title=row.title,
        starts=row.starts,
        areas=tuple(row.areas),
        author=row.author,
        remind=row.remind,
        reminded=row.reminded,
        cancelled=row.cancelled,
    )
