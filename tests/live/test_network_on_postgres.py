"""A whole network on PostgreSQL: one line in `banyan.yaml` moves both databases."""

import aiohttp
import pytest

from tests.client.network import Network
from tests.live.networks import part_of_example, write_home

pytestmark = [pytest.mark.live, pytest.mark.database]


async def test_an_alert_over_postgres(tmp_path, postgres):
    """Grown, joined, alerted, stopped, started again: nothing of it is in an SQLite file."""
    synapse, banyan = [postgres.new_database(name).name for name in ("smoke_synapse", "smoke_banyan")]
    home = tmp_path / "home"
    database = {
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": postgres.user,
        "password_file": str(postgres.password_file),
        "synapse": synapse,
        "banyan": banyan,
    }
    declared = part_of_example(["LA"], "vetting_officer", "vetting")
    write_home(home, declared, server_name="smoke.test", database=database)
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
