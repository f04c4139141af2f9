"""The unit of work over SQL: a decision, its log entry and its effects are written together or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from banyan.domain.effects import Actor
from banyan.services.ports import Clock, Ids
from banyan.store.alerts import SqlAlerts, SqlSenders
from banyan.store.audit import (
    SqlAudits,
    SqlCuts,
    SqlDuties,
    SqlIdentities,
    SqlNoted,
    SqlRepairs,
)
from banyan.store.checkins import SqlCheckins
from banyan.store.console import SqlConsole
from banyan.store.gatherings import SqlGatherings, SqlPosts
from banyan.store.log import SqlAnswered, SqlCheckpoints, SqlLog, SqlUses
from banyan.store.outbox import SqlOutbox
from banyan.store.people import SqlInvitations, SqlMembers
from banyan.store.rooms import SqlRooms
from banyan.store.speech import SqlConversations, SqlProposals
from banyan.store.transactions import reading, writing

Wake = Callable[[frozenset[Actor]], None]
"""Told after a commit which actors got a row. Must not raise."""


class SqlUnit:
    """`ports.UnitOfWork` over one transaction."""

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self.members = SqlMembers(connection, clock)
        self.invitations = SqlInvitations(connection)
        self.rooms = SqlRooms(connection)
        self.senders = SqlSenders(connection, clock)
        self.alerts = SqlAlerts(connection)
        self.outbox = SqlOutbox(connection, clock, ids)
        self.gatherings = SqlGatherings(connection)
        self.posts = SqlPosts(connection)
        self.checkins = SqlCheckins(connection)
        self.log = SqlLog(connection, clock, ids)
        self.answered = SqlAnswered(connection)
        self.uses = SqlUses(connection)
        self.conversations = SqlConversations(connection)
        self.proposals = SqlProposals(connection)
        self.checkpoints = SqlCheckpoints(connection)
        self.audits = SqlAudits(connection)
        self.identities = SqlIdentities(connection)
        self.repairs = SqlRepairs(connection)
        self.duties = SqlDuties(connection)
        self.cuts = SqlCuts(connection)
        self.noted = SqlNoted(connection)
        self.console = SqlConsole(connection)


class SqlWork:
    """`ports.Work`: one a process and database.

    A writing unit of work excludes every other writer, here and in other processes, from its first line to
    its commit. One inside another would wait for ever, so that is a `RuntimeError`.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, ids: Ids, wake: Wake | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._wake = wake
        # SQLite lets waiting writers poll; here they queue instead, and only one of them holds a connection.
        self._writers = asyncio.Lock()
        self._writer: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlUnit]:
        """Commit at the end, roll back on an exception, wake the outbox after the commit."""
        task = asyncio.current_task()
        if self._writer is task:
            raise RuntimeError("a unit of work inside another")
        async with self._writers, writing(self._engine) as connection:
            self._writer = task
            try:
                unit = SqlUnit(connection, self._clock, self._ids)
                yield unit
            finally:
                self._writer = None
        if self._wake and unit.outbox.addressed:
            self._wake(frozenset(unit.outbox.addressed))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlUnit]:
        """One consistent view that waits for nobody; the database refuses to write in it."""
        async with reading(self._engine) as connection:
            yield SqlUnit(connection, self._clock, self._ids)
