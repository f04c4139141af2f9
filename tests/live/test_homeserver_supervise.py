"""Synapse as our child: it dies with us, comes back when it falls, and leaves when it is asked to."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace

import pytest
import yaml
from aiohttp import ClientSession

from homeserver.config import Paths, render
from homeserver.supervise import Synapse, SynapseRefused
from tests.live.homeserver import started_homeserver

pytestmark = pytest.mark.live

PARENT = """
import asyncio, sys
from pathlib import Path
from homeserver.supervise import Synapse

async def main():
    synapse = Synapse(Path(sys.argv[1]), sys.argv[2])
    await synapse.start()
    await synapse.wait_ready()
    print(synapse.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - a process file, gone between two calls
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def test_synapse_dies_with_its_parent(tmp_path):
    """After kill -9 of our process nothing holds the ports or the database."""
    async with started_homeserver(tmp_path) as homeserver:
        home, url = homeserver.home, homeserver.url
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(home), url, stdout=asyncio.subprocess.PIPE
    )
    pid = 0
    async with asyncio.timeout(30):
        while not pid:
            line = (await parent.stdout.readline()).strip()
            pid = int(line) if line.isdigit() else 0
    assert alive(pid)
    parent.kill()
    await parent.wait()
    assert await gone(pid, within=5)


async def test_synapse_is_started_again_when_it_falls(tmp_path):
    """The accounts and tokens are those of before, and the callbacks tell."""
    told = []
    async with started_homeserver(tmp_path) as homeserver:
        url, home, token = homeserver.url, homeserver.home, homeserver.secret("registrar.token")
    back = asyncio.Event()

    def up():
        told.append("up")
        if told.count("up") == 2:
            back.set()

    synapse = Synapse(home, url, on_up=up, on_down=lambda: told.append("down"), first_delay=0.05)
    await synapse.start()
    await synapse.wait_ready()
    watching = asyncio.create_task(synapse.run())
    first = synapse.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(30):
        await back.wait()
    assert synapse.pid != first
    assert told == ["up", "down", "up"]
    async with homeserver.clients():
        assert homeserver.registrar
        assert token == homeserver.secret("registrar.token")
        assert await homeserver.registrar.user(homeserver.user_id("desk"))
    await synapse.stop()
    await watching
    assert told == ["up", "down", "up", "down"]


async def test_stopping_is_quick_and_clean(tmp_path):
    """SIGTERM is enough: nobody waits for the grace to run out."""
    async with started_homeserver(tmp_path) as homeserver:
        pid = homeserver.synapse.pid
        began = time.monotonic()
        await homeserver.synapse.stop()
        assert time.monotonic() - began < 3
        assert not alive(pid)
        assert homeserver.synapse.pid is None


async def test_stopping_during_a_restart_leaves_nothing_behind(tmp_path, monkeypatch):
    """The process that is just being started is ended too."""
    async with started_homeserver(tmp_path) as homeserver:
        pass
    begun, go_on, real = asyncio.Event(), asyncio.Event(), asyncio.create_subprocess_exec
    processes = []

    async def slow(*command, **options):
        processes.append(await real(*command, **options))
        begun.set()
        await go_on.wait()
        return processes[-1]

    monkeypatch.setattr("homeserver.supervise.asyncio.create_subprocess_exec", slow)
    synapse = Synapse(homeserver.home, homeserver.url)
    starting = asyncio.create_task(synapse.start())
    await begun.wait()
    stopping = asyncio.create_task(synapse.stop())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(starting, stopping)
    assert await gone(processes[0].pid, within=5)
    await synapse.start()
    assert len(processes) == 1


async def test_another_home_on_our_port_is_not_mistaken_for_ours(tmp_path):
    """Its Synapse is healthy, and is not the one we started."""
    async with started_homeserver(tmp_path / "theirs") as theirs:
        render(tmp_path / "ours", theirs.spec)
        ours = Synapse(tmp_path / "ours", theirs.url)
        await ours.start()
        with pytest.raises(SynapseRefused):
            await ours.wait_ready()


async def test_a_refused_configuration_says_what_is_wrong(tmp_path):
    """The message names the key, and the supervisor gives up instead of starting for ever."""
    async with started_homeserver(tmp_path) as homeserver:
        pass
    paths = Paths(homeserver.home)
    config = yaml.safe_load(paths.config.read_text())
    paths.config.write_text(yaml.safe_dump(config | {"macaroon_secret_key": "in the file"}))
    synapse = Synapse(homeserver.home, homeserver.url, first_delay=0.01)
    await synapse.start()
    with pytest.raises(SynapseRefused, match="macaroon_secret_key"):
        await synapse.wait_ready()
    with pytest.raises(SynapseRefused, match="macaroon_secret_key"):
        await synapse.run()
    assert synapse.starts == 4


async def test_the_log_names_nobody(homeserver):
    """After all that other tests did, no id of a person or room and no address is in the log."""
    member = await homeserver.member("cedar-log")
    room = await homeserver.grow_room()
    async with homeserver.refusing("not-expected"):
        await member.matrix.join(room)
    for file in (homeserver.home / "logs").iterdir():
        text = file.read_text()
        assert "cedar-log" not in text
        assert room not in text
        assert "127.0.0.1" not in text
        assert " INFO " not in text


async def test_a_restart_takes_what_is_written_now(tmp_path):
    """One process ends, one begins, with the new configuration; the watcher takes it for no fall."""
    told = []
    async with started_homeserver(tmp_path) as homeserver:
        home, spec = homeserver.home, homeserver.spec
    synapse = Synapse(
        home, spec.client_url, on_up=lambda: told.append("up"), on_down=lambda: told.append("down")
    )
    await synapse.start()
    await synapse.wait_ready()
    watching = asyncio.create_task(synapse.run())
    first = synapse.pid
    render(home, replace(spec, federation_whitelist=("partner.test",)))
    await synapse.restart()
    assert synapse.pid != first
    assert not alive(first)
    async with (
        ClientSession() as http,
        http.get(f"{spec.client_url}/_matrix/federation/v1/version") as answer,
    ):
        assert answer.status == 200
    assert (told, synapse.starts) == (["up", "down", "up"], 2)
    await synapse.stop()
    await watching
    await synapse.restart()
    assert (synapse.pid, synapse.starts) == (None, 2)
