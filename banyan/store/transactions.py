"""Transactions: one writer at a time, readers beside it, the same on both databases."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from banyan.store.open import WRITERS, WRITES


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that no other writer of any process overlaps: what it read is true when it commits."""
    async with engine.connect() as connection:
        await connection.execution_options(**{WRITES: True})
        async with connection.begin():
            if engine.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS})
            yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One consistent view. The database refuses to write in it. Never waits for a writer."""
    async with engine.connect() as connection:
        options: dict[str, Any] = {WRITES: False}
        if engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        await connection.execution_options(**options)
        async with connection.begin():
            yield connection


async def insert_new(connection: AsyncConnection, table: Table, *rows: Mapping[str, Any]) -> bool:
    """Insert rows, but not those that a unique column has already. False when the only one was such."""
    # An IntegrityError would do on SQLite, but on PostgreSQL it ends the whole transaction.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing()
    if len(rows) > 1:  # how many of them were new no driver tells
        await connection.execute(statement, rows)
        return True
    return (await connection.execute(statement, rows[0])).rowcount == 1
