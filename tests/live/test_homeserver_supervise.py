"""Synapse as our child: it dies with us, comes back when it falls, and leaves when it is asked to."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
import pytest_asyncio
import yaml
from aiohttp import ClientSession

from homeserver.config import Paths, render
from homeserver.supervise import Synapse, SynapseRefused
from tests.aftermath import lives
from tests.live.homeserver import LiveHomeserver, started_homeserver
from tests.waiting import PATIENCE, until

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _made(tmp_path_factory) -> LiveHomeserver:
    async with started_homeserver(tmp_path_factory.mktemp("made")) as homeserver:
        return homeserver


@pytest.fixture
def stopped(_made) -> LiveHomeserver:
    """A homeserver that does not run, with our accounts in it, as it was rendered."""
    render(_made.home, _made.spec)
    return _made


async def first_number(output: asyncio.StreamReader) -> int:
    """The number among the lines that the parent prints."""
    async for line in output:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError("the parent ended before Synapse was ready")


@asynccontextmanager
async def watched(synapse: Synapse) -> AsyncIterator[asyncio.Task]:
    """Started and ready, and watched over until the block ends; then it is stopped."""
    await synapse.start()
    watching = None
    try:
        await synapse.wait_ready(PATIENCE)
        watching = asyncio.create_task(synapse.run())
        yield watching
    finally:
        await synapse.stop()
        if watching is not None:
            await watching


async def test_synapse_dies_with_its_parent(stopped, record_property):
    """After kill -9 of our process nothing holds the ports or the database."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(stopped.home), stopped.url), stdout=asyncio.subprocess.PIPE
    )
    try:
        pid = await asyncio.wait_for(first_number(parent.stdout), PATIENCE)
        assert lives(pid)
    finally:
        parent.kill()
        await parent.wait()
    record_property("seconds", await until(lambda: not lives(pid)))


async def test_synapse_is_started_again_when_it_falls(stopped):
    """The accounts and tokens are those of before, and the callbacks tell."""
    told, token = [], stopped.secret("registrar.token")
    up, down = partial(told.append, "up"), partial(told.append, "down")
    synapse = Synapse(stopped.home, stopped.url, on_up=up, on_down=down, first_delay=0.05)
    async with watched(synapse):
        first = synapse.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: told.count("up") == 2)
        assert synapse.pid != first
        assert told == ["up", "down", "up"]
        async with stopped.clients():
            assert token == stopped.secret("registrar.token")
            assert await stopped.registrar.user(stopped.user_id("desk"))
    assert told == ["up", "down", "up", "down"]


async def test_stopping_is_quick_and_clean(stopped, monkeypatch, record_property):
    """SIGTERM is enough: it ends by itself, and nobody waits for the grace to run out."""
    monkeypatch.setattr("homeserver.supervise.STOP_GRACE", PATIENCE)
    synapse = Synapse(stopped.home, stopped.url)
    async with watched(synapse):
        pid, process = synapse.pid, synapse._process
        began = time.monotonic()
        await synapse.stop()
        record_property("seconds", round(time.monotonic() - began, 2))
        assert process.returncode in (0, -signal.SIGTERM)
        assert not lives(pid)
        assert synapse.pid is None


async def test_stopping_during_a_restart_leaves_nothing_behind(stopped, monkeypatch):
    """The process that is just being started is ended too."""
    begun, go_on, real = asyncio.Event(), asyncio.Event(), asyncio.create_subprocess_exec
    processes = []

    async def slow(*command, **options):
        processes.append(await real(*command, **options))
        begun.set()
        await go_on.wait()
        return processes[-1]

    monkeypatch.setattr("homeserver.supervise.asyncio.create_subprocess_exec", slow)
    synapse = Synapse(stopped.home, stopped.url)
    starting = asyncio.create_task(synapse.start())
    await begun.wait()
    stopping = asyncio.create_task(synapse.stop())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(starting, stopping)
    assert not lives(processes[0].pid)
    await synapse.start()
    assert len(processes) == 1


async def test_another_home_on_our_port_is_not_mistaken_for_ours(stopped, tmp_path):
    """Its Synapse is healthy, and is not the one we started."""
    async with watched(Synapse(stopped.home, stopped.url)):
        render(tmp_path, stopped.spec)
        ours = Synapse(tmp_path, stopped.url)
        await ours.start()
        try:
            with pytest.raises(SynapseRefused):
                await ours.wait_ready(PATIENCE)
        finally:
            await ours.stop()


async def test_a_refused_configuration_says_what_is_wrong(stopped):
    """The message names the key, and the supervisor gives up instead of starting for ever."""
    paths = Paths(stopped.home)
    config = yaml.safe_load(paths.config.read_text())
    paths.config.write_text(yaml.safe_dump(config | {"macaroon_secret_key": "in the file"}))
    synapse = Synapse(stopped.home, stopped.url, first_delay=0.01)
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


async def test_a_restart_takes_what_is_written_now(stopped):
    """One process ends, one begins, with the new configuration; the watcher takes it for no fall."""
    told = []
    home, spec = stopped.home, stopped.spec
    up, down = partial(told.append, "up"), partial(told.append, "down")
    synapse = Synapse(home, spec.client_url, on_up=up, on_down=down)
    async with watched(synapse) as watching:
        first = synapse.pid
        render(home, replace(spec, federation_whitelist=("partner.test",)))
        await synapse.restart()
        assert synapse.pid != first
        assert not lives(first)
        async with (
            ClientSession() as http,
            http.get(f"{spec.client_url}/_matrix/federation/v1/version") as answer,
        ):
            assert answer.status == 200
        assert (told, synapse.starts) == (["up", "down", "up"], 2)
        assert not watching.done()
    await synapse.restart()
    assert (synapse.pid, synapse.starts) == (None, 2)
