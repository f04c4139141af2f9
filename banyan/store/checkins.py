"""Who was asked whether they are safe, and what they answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.checkins import Answer, Checkin, RollLine
from banyan.domain.people import MemberStatus
from banyan.store.tables import alerts, checkins, members
from banyan.store.transactions import insert_new


class SqlCheckins:
    """`ports.Checkins`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, alert_id: str, member_ids: Sequence[str]) -> None:
        """Expect an answer of these members; those who are expected already keep theirs."""
        if member_ids:
            rows = [{"alert_id": alert_id, "member_id": each, "answer": None} for each in member_ids]
            await insert_new(self._connection, checkins, *rows)

    async def get(self, alert_id: str, member_id: str) -> Checkin | None:
        """What that member answered; None when they were not addressed."""
        found = await self._some(checkins.c.alert_id == alert_id, checkins.c.member_id == member_id)
        return found[0] if found else None

    async def of_member(self, member_id: str) -> Sequence[Checkin]:
        """Every roll call of that member, the newest alert first."""
        return await self._some(checkins.c.member_id == member_id)

    async def set_answer(self, alert_id: str, member_id: str, answer: Answer, at: datetime) -> None:
        """What the member answers from now on."""
        theirs = update(checkins).where(checkins.c.alert_id == alert_id, checkins.c.member_id == member_id)
        await self._connection.execute(theirs.values(answer=answer.value, at=at))

    async def expected(self, alert_id: str) -> frozenset[str]:
        """Ids of the members of whom an answer is expected."""
        query = select(checkins.c.member_id).where(checkins.c.alert_id == alert_id)
        return frozenset((await self._connection.execute(query)).scalars())

    async def answers(self, alert_id: str) -> Sequence[RollLine]:
        """The roll call of that alert: of those who are members still, by pseudonym."""
        query = (
            select(members.c.localpart, members.c.area, checkins.c.answer)
            .join_from(checkins, members)
            .where(checkins.c.alert_id == alert_id, members.c.status == MemberStatus.ADMITTED.value)
            .order_by(members.c.localpart)
        )
        rows = await self._connection.execute(query)
        return [RollLine(row.localpart, row.area, _answer(row.answer)) for row in rows]

    async def called(self) -> Sequence[str]:
        """Ids of the alerts after which members were asked, the newest first."""
        query = (
            select(alerts.c.id)
            .where(alerts.c.id.in_(select(checkins.c.alert_id)))
            .order_by(alerts.c.received.desc(), alerts.c.id)
        )
        return list((await self._connection.execute(query)).scalars())

    async def forget(self, before: datetime) -> int:
        """Erase the roll calls of alerts that came in before that moment; how many answers."""
        old = select(alerts.c.id).where(alerts.c.received < before)
        gone = await self._connection.execute(delete(checkins).where(checkins.c.alert_id.in_(old)))
        return gone.rowcount

    async def _some(self, *where: Any) -> Sequence[Checkin]:
        query = select(checkins).join(alerts).where(*where).order_by(alerts.c.received.desc(), alerts.c.id)
        return [_checkin(row) for row in await self._connection.execute(query)]


def _checkin(row: Row[Any]) -> Checkin:
    return Checkin(row.alert_id, row.member_id, _answer(row.answer), row.at)


def _answer(stored: str | None) -> Answer | None:
    return None if stored is None else Answer(stored)
