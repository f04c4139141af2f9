"""kill -9 of everything, at random moments: an accepted alert arrives in every room once."""

import asyncio
import itertools
import os
import random
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from banyan.demo.sample import Person, Reader, join, reading
from tests.client.network import Network
from tests.live.networks import part_of_example, write_home
from tests.waiting import until

pytestmark = pytest.mark.live

KILLS = 200 if os.environ.get("BANYAN_SOAK") else 20
ALERTS_A_LIFE = 3
LONGEST_LIFE = 0.15
"""Seconds between the last acceptance and the kill: about what nine sends take."""
AREAS = ("KH", "LA", "TH")
ROLE = "security_officer"


async def test_alerts_survive_kill_9(tmp_path, record_property):
    """Every accepted alert is read exactly once in every room, also after a new device and after 25 hours."""
    chance = random.Random(20261122)
    home = tmp_path / "home"
    accepted: dict[str, str] = {}
    interrupted: Counter[str] = Counter()
    async with aiohttp.ClientSession() as http, AsyncExitStack() as phones:
        network = Network(home, http)
        declared = part_of_example(AREAS, ROLE, "security")
        declared["limits"] |= {"alerts_per_hour": 9 * KILLS}
        write_home(home, declared, server_name="killed.test")
        phones.push_async_callback(network.stop)
        await network.start()
        sender = await network.enrol("relay", "--direct")
        readers = await asyncio.gather(*(_member(network, area, tmp_path, phones) for area in AREAS))
        for life in itertools.count():
            before = _attempts(home)
            for number in range(ALERTS_A_LIFE):
                name = f"alert {life}-{number} of this test"
                accepted[name] = (await network.alert(sender, *AREAS, headline=name))["status_url"]
            await until(lambda: _attempts(home) > before, every=0.01)  # noqa: B023 - awaited here
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
            await network.kill()
            misfortune = MISFORTUNES[life % len(MISFORTUNES)]
            interrupted[misfortune.__name__] += _under_way(home)
            misfortune(home)
            await network.start()
            # on a busy machine all may be sent before the kill comes
            if life + 1 >= KILLS and all(interrupted[each.__name__] for each in MISFORTUNES):
                break
            assert life < 3 * KILLS, "the kills came too late to mean anything"
        for status_url in accepted.values():
            await network.arrived(status_url)
        await network.alert(sender, *AREAS, headline="the last of this test")
        for reader in readers:
            # they were offline again and again, and look the less often for it
            await until(partial(reader.alert, "the last of this test"), within=300)
            await until(lambda: all(map(reader.alert, accepted)))  # noqa: B023 - awaited here
            counts = Counter(name for text in reader.texts.values() for name in accepted if name in text)
            assert counts == dict.fromkeys(accepted, 1)
    record_property("kills", life + 1)
    record_property("under way when everything died", dict(interrupted))


def _attempts(home: Path) -> int:
    """How many sends have begun so far, by our books."""
    return _asked(home, "SELECT coalesce(sum(attempts), 0) FROM outbox WHERE actor = 'alarm'")


def _under_way(home: Path) -> int:
    """How many of them have not ended."""
    begun = "SELECT count(*) FROM outbox WHERE actor = 'alarm' AND state = 'queued' AND attempts > 0"
    return _asked(home, begun)


def _asked(home: Path, question: str) -> int:
    with closing(sqlite3.connect(home / "banyan.db", timeout=10)) as banyan:
        return int(banyan.execute(question).fetchone()[0])


def _nothing_else(home: Path) -> None:
    """The machine comes back as it was."""


def _device_lost(home: Path) -> None:
    """The alarm's crypto store is gone: it comes back as another device."""
    for file in (home / "bots").glob("alarm.db*"):
        file.unlink()


def _a_day_passed(home: Path) -> None:
    """25 hours later: the homeserver has forgotten the transaction ids, our attempts are that old."""
    with sqlite3.connect(home / "synapse" / "homeserver.db") as synapse:
        synapse.execute("DELETE FROM event_txn_id_device_id")
    with sqlite3.connect(home / "banyan.db") as banyan:
        rows = banyan.execute(
            "SELECT seq, first_attempt FROM outbox WHERE first_attempt IS NOT NULL"
        ).fetchall()
        for seq, attempted in rows:
            banyan.execute("UPDATE outbox SET first_attempt = ? WHERE seq = ?", (_earlier(attempted), seq))


def _earlier(moment: str) -> str:
    return str(datetime.fromisoformat(moment) - timedelta(hours=25))


MISFORTUNES = (_nothing_else, _nothing_else, _device_lost, _nothing_else, _a_day_passed)


async def _member(network: Network, area: str, directory: Path, phones: AsyncExitStack) -> Reader:
    invited = await network.invite(area)
    sample = await join(network.http, invited.link, invited.user_id, Person(area, "en"))
    url = network.run.homeserver_url
    reader = await phones.enter_async_context(reading(sample, url, directory / sample.localpart))
    await until(lambda: reader.heard_from(network.account("desk")))
    return reader
