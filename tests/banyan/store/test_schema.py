"""The migrated database is the one that the code thinks it has."""

import asyncio
import stat

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from banyan.domain.log import Action, NewEntry
from banyan.settings import Database, Home, Settings
from banyan.store.open import open_store, url_for
from banyan.store.tables import metadata
from banyan.store.upgrade import upgrade


async def test_migrations_and_tables_agree(engine):
    """What the migrations build is what `tables.py` says, types and constraints included."""

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    def partial(connection):
        found = inspect(connection).get_indexes("outbox")
        return next(index for index in found if index["name"] == "ix_outbox_waiting")

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        options = (await connection.run_sync(partial))["dialect_options"]
        assert any("queued" in str(value) for value in options.values())


async def test_two_processes_may_start_together(engine):
    """Migrating again, even twice at once, finds nothing to do."""
    await asyncio.gather(upgrade(engine), upgrade(engine))


@pytest.mark.parametrize("statement", ["UPDATE log SET hash = 'x'", "DELETE FROM log"])
async def test_the_log_is_append_only(work, engine, statement):
    """The database itself refuses to change or delete an entry."""
    async with work() as tx:
        await tx.log.append(NewEntry(Action.HOME_FOUNDED, "operator", "home"))
        before = await tx.log.all()
    with pytest.raises(DBAPIError, match="append-only"):
        async with work() as tx:
            await tx.log._connection.execute(text(statement))
    async with work.reading() as tx:
        assert await tx.log.all() == before


async def test_sqlite_keeps_what_it_accepted(tmp_path):
    """A commit is on the disk before it is answered, and nobody else on the machine may read the file."""
    file = tmp_path / "home" / "banyan.db"
    engine = open_store(url_for(Settings(), Home(file.parent)))
    await upgrade(engine)
    async with engine.connect() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("synchronous", "journal_mode", "foreign_keys", "secure_delete")
        }
        assert pragmas == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1}
        for path in (file, file.with_name("banyan.db-wal")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await engine.dispose()


def test_postgresql_by_settings(tmp_path):
    """The password comes from its file and does not show in the printed URL."""
    password = tmp_path / "password"
    password.write_text("opensesame\n")
    settings = Settings(database=Database(host="db.internal", user="banyan", password_file=password))
    url = url_for(settings, Home(tmp_path))
    assert url.render_as_string(hide_password=False) == (
        "postgresql+asyncpg://banyan:opensesame@db.internal:5432/banyan"
    )
    assert "opensesame" not in str(url)


def test_a_store_in_memory_is_refused():
    """What was accepted must outlive the process."""
    with pytest.raises(ValueError, match="memory"):
        open_store("sqlite+aiosqlite://")
