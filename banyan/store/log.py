"""The append-only log of decisions, and the incoming events that were handled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.log import GENESIS, Checkpoint, Entry, NewEntry, entry_body, leaf_hash
from banyan.services.ports import Clock
from banyan.store.tables import answered, checkpoints, log
from banyan.store.transactions import insert_new


class SqlLog:
    """`ports.Log`. Changing or deleting a row is refused by triggers of the database."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def append(self, entry: NewEntry) -> Entry:
        """Chain an entry to the head. Only one transaction writes at a time, so the head cannot move."""
        head = await self.head()
        seq = head.seq + 1 if head else 1
        at = self._clock.now()
        body = entry_body(entry, seq=seq, at=at, prev=head.hash if head else GENESIS)
        chained = Entry(seq=seq, at=at, body=body, hash=leaf_hash(body))
        await self._connection.execute(log.insert().values(seq=seq, at=at, body=body, hash=chained.hash))
        return chained

    async def all(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a higher number than `after`, in order."""
        query = select(log).where(log.c.seq > after).order_by(log.c.seq)
        return [_entry(row) for row in await self._connection.execute(query)]

    async def head(self) -> Entry | None:
        """The last entry."""
        query = select(log).order_by(log.c.seq.desc()).limit(1)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _entry(row)


class SqlCheckpoints:
    """`ports.Checkpoints`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, checkpoint: Checkpoint) -> None:
        """Keep a signed checkpoint; the first one of a size stays."""
        row = {"size": checkpoint.size, "at": checkpoint.at, "note": checkpoint.note}
        await insert_new(self._connection, checkpoints, row)

    async def latest(self) -> Checkpoint | None:
        """The last one."""
        query = select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Checkpoint(row.size, row.at, row.note)

    async def all(self) -> Sequence[Checkpoint]:
        """Every one, the smallest first."""
        query = select(checkpoints).order_by(checkpoints.c.size)
        return [Checkpoint(*row) for row in await self._connection.execute(query)]


class SqlAnswered:
    """`ports.Answered`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def first(self, event_id: str, now: datetime) -> bool:
        """True the first time, false ever after."""
        return await insert_new(self._connection, answered, {"event_id": event_id, "at": now})

    async def forget(self, before: datetime) -> int:
        """Erase what was handled before that moment; how many."""
        return (await self._connection.execute(delete(answered).where(answered.c.at < before))).rowcount


def _entry(row: Row[Any]) -> Entry:
    return Entry(seq=row.seq, at=row.at, body=row.body, hash=row.hash)
