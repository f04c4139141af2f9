"""PostgreSQL instead of SQLite."""

import psycopg2
import pytest

from homeserver.config import PostgresSpec
from tests.live.homeserver import started_homeserver
from tests.live.postgres import cluster

pytestmark = [pytest.mark.live, pytest.mark.database]


async def test_synapse_runs_on_postgresql(tmp_path):
    """Accounts, a room and a member are in PostgreSQL, and no password is in the configuration."""
    with cluster() as server:
        connection = psycopg2.connect(server.dsn())
        connection.autocommit = True
        connection.cursor().execute(
            "CREATE DATABASE synapse ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        connection.close()
        spec = PostgresSpec(server.host, server.port, server.user, server.password_file, "synapse")
        async with started_homeserver(tmp_path, database=spec) as homeserver, homeserver.clients():
            room = await homeserver.grow_room()
            member = await homeserver.member("teak-one", [room])
            assert member.user_id in await homeserver.warden.joined_members(room)
            assert server.password not in (tmp_path / "synapse" / "homeserver.yaml").read_text()
            assert not list(tmp_path.glob("synapse/*.db"))
            connection = psycopg2.connect(server.dsn("synapse"))
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM users WHERE name = %s", (member.user_id,))
                assert cursor.fetchone() == (1,)
            connection.close()
