"""A whole network on PostgreSQL: one line in `banyan.yaml` moves both databases."""

import aiohttp
import pytest
import yaml

from tests.client.network import Network
from tests.live.postgres import postgres

__all__ = ["postgres"]

pytestmark = [pytest.mark.live, pytest.mark.database]


async def test_an_alert_over_postgres(tmp_path, postgres):
    """Grown, joined, alerted, stopped, started again: nothing of it is in an SQLite file."""
    import asyncpg

    admin = await asyncpg.connect(postgres.dsn())
    for name in ("smoke_synapse", "smoke_banyan"):
        await admin.execute(
            f"CREATE DATABASE {name} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    await admin.close()
    home = tmp_path / "home"
    home.mkdir()
    database = {
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": postgres.user,
        "password_file": str(postgres.password_file),
        "synapse": "smoke_synapse",
        "banyan": "smoke_banyan",
    }
    (home / "banyan.yaml").write_text(yaml.safe_dump({"server_name": "smoke.test", "database": database}))
    async with aiohttp.ClientSession() as http:
        network = Network(home, http)
        try:
            await network.start()
            await network.join(await network.invite("LA"))
            sender = await network.enrol("relay", "--direct")
            told = await network.alert(sender, "LA", headline="Smoke")
            await network.arrived(told["status_url"])
            await network.stop()
            await network.start()
            (row,) = (await network.arrived(told["status_url"]))["rooms"]
        finally:
            await network.stop()
    assert row["event_id"]
    assert not (home / "banyan.db").exists()
    assert not (home / "synapse" / "homeserver.db").exists()
