"""Transactions: one writer at a time, readers beside it, the same on both databases."""

from collections.abc import AsyncIterator
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


async def insert_new(connection: AsyncConnection, table: Table, **values: Any) -> bool:
    """Insert a row; False, and nothing changed, when a unique column has the value already."""
    # An IntegrityError would do on SQLite, but on PostgreSQL it ends the whole transaction.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    result = await connection.execute(insert(table).values(values).on_conflict_do_nothing())
    return result.rowcount == 1
