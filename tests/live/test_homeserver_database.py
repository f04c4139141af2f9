"""PostgreSQL instead of SQLite."""

from contextlib import closing

import psycopg2
import pytest

from tests.live.homeserver import started_homeserver

pytestmark = [pytest.mark.live, pytest.mark.database]


async def test_synapse_runs_on_postgresql(tmp_path, postgres):
    """Accounts, a room and a member are in PostgreSQL, and no password is in the configuration."""
    spec = postgres.new_database("synapse")
    async with started_homeserver(tmp_path, database=spec) as homeserver, homeserver.clients():
        room = await homeserver.grow_room()
        member = await homeserver.member("teak-one", [room])
        assert member.user_id in await homeserver.warden.joined_members(room)
    assert postgres.password not in (tmp_path / "synapse" / "homeserver.yaml").read_text()
    assert not list(tmp_path.glob("synapse/*.db"))
    with closing(psycopg2.connect(postgres.dsn("synapse"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users WHERE name = %s", (member.user_id,))
        assert cursor.fetchone() == (1,)
