"""kill -9 of everything, at random moments: an accepted alert arrives in every room once."""

import asyncio
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from banyan.demo.sample import Person, Reader, join, reading
from tests.client.network import Network

pytestmark = pytest.mark.live

KILLS = 200 if os.environ.get("BANYAN_SOAK") else 20
ALERTS_A_LIFE = 3
LONGEST_LIFE = 0.15
"""Seconds between the last acceptance and the kill: about what nine sends take."""
AREAS = ("KH", "LA", "TH")


async def test_alerts_survive_kill_9(tmp_path, record_property):
    """Every accepted alert is read exactly once in every room, also after a new device and after 25 hours."""
    chance = random.Random(20261122)
    network_home = tmp_path / "home"
    accepted: list[str] = []
    interrupted: Counter[str] = Counter()
    async with aiohttp.ClientSession() as http, AsyncExitStack() as phones:
        network = Network(network_home, http)
        await network.start()
        try:
            sender = await network.enrol("relay", "--direct")
            readers = [await _member(network, area, tmp_path, phones) for area in AREAS]
            for life in range(KILLS):
                for number in range(ALERTS_A_LIFE):
                    name = f"alert {life}-{number} of this test"
                    await network.alert(sender, *AREAS, headline=name)
                    accepted.append(name)
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
                _kill_all(network.pid)
                await network.ended()
                misfortune = MISFORTUNES[life % len(MISFORTUNES)]
                interrupted[misfortune.__name__] += _under_way(network_home)
                misfortune(network_home)
                await network.start()
            last = await network.alert(sender, *AREAS, headline="the last of this test")
            await network.arrived(last["status_url"], within=60)
            for reader in readers:
                await reader.until(partial(reader.alert, "the last of this test"), 120)
                counts = Counter(name for text in reader.texts.values() for name in accepted if name in text)
                assert {name: counts[name] for name in accepted} == dict.fromkeys(accepted, 1)
        finally:
            await network.stop()
    record_property("kills", KILLS)
    record_property("under way when everything died", dict(interrupted))
    assert all(interrupted[each.__name__] for each in MISFORTUNES), "the kills came too late to mean anything"


def _under_way(home: Path) -> int:
    """How many sends had begun, by our books, and had not ended."""
    with sqlite3.connect(home / "banyan.db") as banyan:
        begun = "SELECT count(*) FROM outbox WHERE actor = 'alarm' AND state = 'queued' AND attempts > 0"
        return int(banyan.execute(begun).fetchone()[0])


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
    await reader.until(lambda: reader.heard_from(network.account("desk")), 60)
    return reader


def _kill_all(pid: int) -> None:
    """The whole tree at once, as when the power goes."""
    doomed, found = [pid], [pid]
    while found:
        found = [child for parent in found for child in _children(parent)]
        doomed += found
    for each in doomed:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
