"""Databases for tests: a new one each, in a temporary directory or a throw-away cluster."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, event, make_url, text
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


def grown(source: Path, directory: Path, grow: Callable[[AsyncEngine], Awaitable[None]]) -> Path:
    """A copy of a database in which more has happened, for many tests to begin with; its file."""

    async def run() -> None:
        engine = open_store(sqlite_url(directory))
        try:
            await grow(engine)
        finally:
            await engine.dispose()

    shutil.copy(source, directory)
    asyncio.run(run())
    return directory / source.name


class SharedEngine:
    """One engine for the databases of many tests, one after another: a statement is compiled only once.

    For tests of what is written, not of how it lasts: nothing waits for the disk. That it lasts is proven in
    `tests/banyan/store` and where processes are killed.
    """

    _file: Path

    def __init__(self, directory: Path) -> None:
        self._engine = open_store(sqlite_url(directory))
        event.listen(self._engine.sync_engine, "do_connect", self._to_the_copy)
        event.listen(self._engine.sync_engine, "connect", _forget_the_disk)

    @asynccontextmanager
    async def copy(self, source: Path, directory: Path) -> AsyncIterator[AsyncEngine]:
        """A copy of that database, put into a directory."""
        self._file = Path(shutil.copy(source, directory))
        try:
            yield self._engine
        finally:
            await self._engine.dispose()

    def _to_the_copy(self, _dialect, _record, args, _options) -> None:
        args[0] = str(self._file)


def _forget_the_disk(connection, _record) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


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
