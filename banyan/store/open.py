"""Opening the database: SQLite in the home, or PostgreSQL when the operator sets one."""

import logging
from pathlib import Path

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from banyan.errors import BanyanError
from banyan.settings import Home, Settings

WRITES = "banyan_writes"
"""Execution option of a connection whose next transaction may write."""

BUSY_SECONDS = 15
"""How long a writer waits for another process before it gives up."""

WRITERS = 0x62616E79616E
"""Key of PostgreSQL's advisory lock that lets one writer in at a time (the letters of the name)."""


class DatabaseNeedsExtra(BanyanError):
    """PostgreSQL is set but its driver is not installed."""

    code = "database-needs-extra"


def url_for(settings: Settings, home: Home) -> URL:
    """Where Banyan's own database is. The password is read from its file."""
    database = settings.database
    if database is None:
        return URL.create("sqlite+aiosqlite", database=str(home.database_file))
    password = database.password_file.read_text().strip() if database.password_file else None
    return URL.create(
        "postgresql+asyncpg",
        username=database.user,
        password=password,
        host=database.host,
        port=database.port,
        database=database.banyan,
    )


def open_store(url: URL | str) -> AsyncEngine:
    """Open the database. Nothing is read yet; `upgrade` builds or migrates the tables.

    No error of it quotes the values of a statement. Raise `DatabaseNeedsExtra` when the driver for PostgreSQL
    is missing.
    """
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    # A stuck writer elsewhere must become an error that is retried, never a silent wait for ever.
    limits = {"lock_timeout": f"{BUSY_SECONDS}s", "application_name": "banyan"}
    try:
        return create_async_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args={"server_settings": limits}
        )
    except ModuleNotFoundError:
        raise DatabaseNeedsExtra(
            "PostgreSQL is set, but its driver is missing: install banyan[postgres]."
        ) from None


def _open_sqlite(url: URL) -> AsyncEngine:
    if url.database is None or url.database == ":memory:":
        raise ValueError("a store in memory would lose what it accepted")
    file = Path(url.database)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(0o600)  # its -wal and -shm take over this mode
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # at DEBUG it logs the values of every statement
    engine = create_async_engine(url, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # else the driver begins transactions of its own, too late
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",  # the usual NORMAL may lose the last commits with the power: an accepted alert
        "foreign_keys = ON",
        "secure_delete = ON",  # a token that was erased must not stay readable in the file
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and writes later fails at once when another process wrote in
    # between (no waiting helps), so a writer says so at the start.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
