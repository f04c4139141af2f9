"""Accepted alerts, how far they were seen, and who may send them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.alerts import Alert, AlertState, AlertText, Kind, Response, Sender, Severity, Status
from banyan.errors import NotFound, Taken
from banyan.services.ports import Clock
from banyan.store.tables import alerts, seen, senders
from banyan.store.transactions import insert_new


class SqlSenders:
    """`ports.Senders`."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, sender: Sender) -> None:
        """Raise `Taken` when the name exists, revoked ones included: the log names senders for ever."""
        new = await insert_new(
            self._connection,
            senders,
            {"name": sender.name, "public_key": sender.public_key, "direct": sender.direct, "revoked": None},
        )
        if not new:
            raise Taken("A sender of that name exists or existed; choose another name.")

    async def get(self, name: str) -> Sender | None:
        """None also for a revoked one."""
        query = select(senders).where(senders.c.name == name, senders.c.revoked.is_(None))
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _sender(row)

    async def all(self) -> Sequence[Sender]:
        """Those not revoked, by name."""
        query = select(senders).where(senders.c.revoked.is_(None)).order_by(senders.c.name)
        return [_sender(row) for row in await self._connection.execute(query)]

    async def revoke(self, name: str) -> None:
        """Raise `NotFound` when there is no such sender or it was revoked before."""
        standing = update(senders).where(senders.c.name == name, senders.c.revoked.is_(None))
        if (await self._connection.execute(standing.values(revoked=self._clock.now()))).rowcount != 1:
            raise NotFound("There is no sender of that name; `banyan sender list` shows those there are.")


class SqlAlerts:
    """`ports.Alerts`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, alert: Alert, body_hash: str) -> None:
        """Raise `Taken` when this sender has sent the same body or identifier before."""
        new = await insert_new(
            self._connection,
            alerts,
            {
                "id": alert.id,
                "sender": alert.sender,
                "identifier": alert.identifier,
                "body_hash": body_hash,
                "sent": alert.sent,
                "expires": alert.expires,
                "status": alert.status.value,
                "areas": list(alert.areas),
                "kind": alert.kind.value,
                "severity": alert.severity.value,
                "response": alert.response.value,
                "texts": {language: asdict(words) for language, words in alert.texts.items()},
                "addition": alert.addition,
                "state": alert.state.value,
                "received": alert.received,
            },
        )
        if not new:
            raise Taken("This sender has sent this alert before.")

    async def get(self, alert_id: str) -> Alert | None:
        """The alert with that id."""
        row = (await self._connection.execute(select(alerts).where(alerts.c.id == alert_id))).one_or_none()
        return None if row is None else _alert(row)

    async def find(self, sender: str, identifier: str, body_hash: str) -> Alert | None:
        """The first alert of that sender with the same body or the same identifier."""
        same = or_(alerts.c.identifier == identifier, alerts.c.body_hash == body_hash)
        # The same body wins: it answers a retry with the alert that the retry is about.
        query = select(alerts).where(alerts.c.sender == sender, same)
        rows = (await self._connection.execute(query)).all()
        rows_by_body = sorted(rows, key=lambda row: (row.body_hash != body_hash, row.received))
        return _alert(rows_by_body[0]) if rows_by_body else None

    async def set_state(self, alert_id: str, state: AlertState) -> None:
        """Move an alert to that state."""
        change = update(alerts).where(alerts.c.id == alert_id)
        await self._connection.execute(change.values(state=state.value))

    async def all(self, state: AlertState | None = None) -> Sequence[Alert]:
        """Alerts in that state, or all of them, oldest first."""
        query = select(alerts).order_by(alerts.c.received, alerts.c.id)
        if state is not None:
            query = query.where(alerts.c.state == state.value)
        return [_alert(row) for row in await self._connection.execute(query)]

    async def saw(self, event_id: str, people: int) -> None:
        """Raise the count of people who have seen that event to at least `people`."""
        if await insert_new(self._connection, seen, {"event_id": event_id, "people": people}):
            return
        more = update(seen).where(seen.c.event_id == event_id, seen.c.people < people)
        await self._connection.execute(more.values(people=people))

    async def seen(self, event_ids: Sequence[str]) -> Mapping[str, int]:
        """Event id → people; events that nobody is known to have seen are absent."""
        query = select(seen.c.event_id, seen.c.people).where(seen.c.event_id.in_(event_ids))
        return dict((await self._connection.execute(query)).all())


def _sender(row: Row[Any]) -> Sender:
    return Sender(name=row.name, public_key=row.public_key, direct=row.direct)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        sender=row.sender,
        identifier=row.identifier,
        sent=row.sent,
        expires=row.expires,
        status=Status(row.status),
        areas=tuple(row.areas),
        kind=Kind(row.kind),
        severity=Severity(row.severity),
        response=Response(row.response),
        texts={language: AlertText(**words) for language, words in row.texts.items()},
        state=AlertState(row.state),
        received=row.received,
        addition=row.addition,
    )
