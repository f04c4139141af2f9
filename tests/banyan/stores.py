"""Databases for tests: a new one each, in a temporary directory or a throw-away cluster."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from banyan.store.open import open_store
from banyan.store.upgrade import upgrade


def sqlite_url(directory: Path) -> URL:
    return URL.create("sqlite+aiosqlite", database=str(directory / "banyan.db"))


@asynccontextmanager
async def opened(url: URL) -> AsyncIterator[AsyncEngine]:
    """The database, migrated; closed at the end."""
    engine = open_store(url)
    try:
        await upgrade(engine)
        yield engine
    finally:
        await engine.dispose()


async def new_database(cluster: str) -> URL:
    """An empty database in a PostgreSQL cluster given by its URL."""
    name = f"banyan_{secrets.token_hex(4)}"
    admin = create_async_engine(cluster, isolation_level="AUTOCOMMIT")
    try:
        async with admin.connect() as connection:
            await connection.execute(text(f'CREATE DATABASE "{name}"'))
    finally:
        await admin.dispose()
    return make_url(cluster).set(database=name)
