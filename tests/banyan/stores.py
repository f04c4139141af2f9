"""Databases for tests: a new one each, in a temporary directory or a throw-away cluster."""

import asyncio
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
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


class Bench:
    """One engine for the databases of many tests, one after another: a statement is compiled only once.

    For tests of what is written, not of how it lasts: no thread and no waiting for the disk. What those are
    for is proven in `tests/banyan/store` and where processes are killed.
    """

    def __init__(self, directory: Path) -> None:
        self._engine = open_store(sqlite_url(directory))
        self._file = directory
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

    def _to_the_copy(self, _dialect, _record, _args, options) -> None:
        file = self._file
        options["async_creator_fn"] = lambda *_, **_options: InLoop(lambda: sqlite3.connect(file), 64)


def _forget_the_disk(connection, _record) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


class InLoop(aiosqlite.Connection):
    """Runs each call in the loop, after everybody else had a turn: tasks take turns as with the thread."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self._tx = _AtOnce()

    def __await__(self):
        return self._connect().__await__()

    async def _connect(self) -> aiosqlite.Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, function, *args, **options):
        if self._connection is None:
            raise ValueError("Connection closed")  # as the driver says it
        await asyncio.sleep(0)
        return function(*args, **options)

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _AtOnce:
    """In place of the thread's queue: SQLAlchemy puts one thing in itself, the level of isolation."""

    def put_nowait(self, job) -> None:
        future, function = job
        future.set_result(function())


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
