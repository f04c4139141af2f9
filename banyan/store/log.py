"""The append-only log of decisions, and the incoming events that were handled."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.log import GENESIS, Checkpoint, Entry, NewEntry, Opening, entry_body, leaf_hash
from banyan.domain.people import MemberStatus
from banyan.services.ports import Clock, Ids
from banyan.store.tables import answered, checkpoints, log, members, openings, uses
from banyan.store.transactions import insert_new


class SqlLog:
    """`ports.Log`. Changing or deleting an entry is refused by triggers of the database."""

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids

    async def append(self, entry: NewEntry) -> Entry:
        """Chain an entry to the head. Only one transaction writes at a time, so the head cannot move."""
        head = await self.head()
        seq = head.seq + 1 if head else 1
        at = self._clock.now()
        named = [Opening(seq, field, self._ids.opaque(), value) for field, value in entry.names.items()]
        body = entry_body(entry, seq=seq, at=at, prev=head.hash if head else GENESIS, openings=named)
        chained = Entry(seq=seq, at=at, body=body, hash=leaf_hash(body))
        await self._connection.execute(log.insert().values(seq=seq, at=at, body=body, hash=chained.hash))
        if named:
            await self._connection.execute(openings.insert(), [asdict(opening) for opening in named])
        return chained

    async def all(self, after: int = 0, limit: int | None = None) -> Sequence[Entry]:
        """Entries with a higher number than `after`, in order, at most `limit`."""
        query = select(log).where(log.c.seq > after).order_by(log.c.seq).limit(limit)
        return [_entry(row) for row in await self._connection.execute(query)]

    async def head(self) -> Entry | None:
        """The last entry."""
        query = select(log).order_by(log.c.seq.desc()).limit(1)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _entry(row)

    async def openings(self) -> Mapping[int, Sequence[Opening]]:
        """By the number of the entry: what its commitments stand for, as far as it was not shredded."""
        found: defaultdict[int, list[Opening]] = defaultdict(list)
        for row in await self._connection.execute(select(openings)):
            found[row.seq].append(Opening(*row))
        return found

    async def shred(self, before: datetime) -> int:
        """Erase whom entries are about, of those who are gone and of whom nothing was written since then.

        Gone is who is frozen, or whose invitation ran out: that itself was written down. How many.
        """
        gone = select(members.c.localpart).where(
            members.c.status.in_([MemberStatus.FROZEN.value, MemberStatus.EXPIRED.value])
        )
        recent = select(openings.c.value).join(log, log.c.seq == openings.c.seq).where(log.c.at >= before)
        old = delete(openings).where(openings.c.value.in_(gone), openings.c.value.not_in(recent))
        return (await self._connection.execute(old)).rowcount


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
        return None if row is None else Checkpoint(row.size, row.at, str(row.note))

    async def all(self) -> Sequence[Checkpoint]:
        """Every one, the smallest first."""
        query = select(checkpoints).order_by(checkpoints.c.size)
        return [Checkpoint(row.size, row.at, str(row.note)) for row in await self._connection.execute(query)]


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


class SqlUses:
    """`ports.Uses`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self, name: str, after: datetime, until: datetime) -> int:
        """How often between these, the first one left out."""
        those = (uses.c.name == name, uses.c.at > after, uses.c.at <= until)
        return int(await self._connection.scalar(select(func.count()).where(*those)) or 0)

    async def add(self, name: str, at: datetime) -> None:
        """Note one."""
        await self._connection.execute(uses.insert().values(name=name, at=at))

    async def forget(self, before: datetime) -> int:
        """Erase those from before that moment; how many."""
        return (await self._connection.execute(delete(uses).where(uses.c.at < before))).rowcount


def _entry(row: Row[Any]) -> Entry:
    # Whoever writes past us into SQLite can leave text where we leave bytes: it is read, and found out.
    body = row.body if isinstance(row.body, bytes) else str(row.body).encode(errors="surrogateescape")
    return Entry(seq=row.seq, at=row.at, body=body, hash=str(row.hash))
