"""Synapse as an operator scales it: PostgreSQL, Redis, the main process and one generic worker."""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from homeserver.accounts import provision
from homeserver.config import HomeserverSpec, render
from homeserver.gatefile import GateFile
from homeserver.ports import choose_ports
from homeserver.supervise import Synapse
from tests.live.homeserver import SERVER_NAME, LiveHomeserver
from tests.live.postgres import Cluster
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("client", "metrics", "replication", "redis", "worker", "worker_metrics", "worker_replication")


@dataclasses.dataclass(frozen=True)
class Scaled:
    """The same homeserver twice, behind the port of its main process and behind that of its worker."""

    main: LiveHomeserver
    worker: LiveHomeserver
    worker_metrics: int


@asynccontextmanager
async def scaled_homeserver(home: Path, server: Cluster) -> AsyncIterator[Scaled]:
    """Start all of it under `home`; everything is stopped at the end. Skip where Redis is not installed."""
    ports = choose_ports(home, PORTS)
    spec = HomeserverSpec(
        server_name=SERVER_NAME,
        client_port=ports["client"],
        metrics_port=ports["metrics"],
        private_url="http://127.0.0.1:9",
        database=server.new_database("scaled"),
    )
    render(home, spec)
    _scale(home, ports)
    gate, synapse = GateFile(home / "gate.db"), Synapse(home, spec.client_url)
    with _redis(ports["redis"]):
        await synapse.start()
        try:
            await synapse.wait_ready(timeout=PATIENCE)
            await provision(spec.client_url, SERVER_NAME, home / "secrets")
            with _worker(home):
                behind_worker = dataclasses.replace(spec, client_port=ports["worker"])
                await until(partial(_answers, f"{behind_worker.client_url}/health"))
                yield Scaled(
                    LiveHomeserver(home, spec, synapse, gate),
                    LiveHomeserver(home, behind_worker, synapse, gate),
                    ports["worker_metrics"],
                )
        finally:
            await synapse.stop()


def _scale(home: Path, ports: dict[str, int]) -> None:
    """Add to the rendered configuration what Synapse's manual asks of who runs workers."""
    secret = home / "secrets" / "replication"
    secret.write_text("between-the-processes")
    file = home / "synapse" / "homeserver.yaml"
    config = yaml.safe_load(file.read_text())
    config["listeners"].append(_listener(ports["replication"], "replication"))
    config |= {
        "redis": {"enabled": True, "host": "127.0.0.1", "port": ports["redis"]},
        "worker_replication_secret_path": str(secret),
        "instance_map": {"main": {"host": "127.0.0.1", "port": ports["replication"]}},
    }
    file.write_text(yaml.safe_dump(config))
    worker = {
        "worker_app": "synapse.app.generic_worker",
        "worker_name": "one",
        "worker_log_config": config["log_config"],
        "worker_listeners": [
            _listener(ports["worker"], "client"),
            _listener(ports["worker_replication"], "replication"),
            {"type": "metrics", "port": ports["worker_metrics"], "bind_addresses": ["127.0.0.1"]},
        ],
    }
    (home / "synapse" / "worker.yaml").write_text(yaml.safe_dump(worker))


def _listener(port: int, resource: str) -> dict[str, Any]:
    resources = [{"names": [resource], "compress": False}]
    return {"type": "http", "port": port, "bind_addresses": ["127.0.0.1"], "resources": resources}


@contextmanager
def _redis(port: int) -> Iterator[None]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="banyan-redis-") as directory:
        options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": directory}
        arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        with _child([binary, *arguments], Path(directory) / "out"):
            yield


@contextmanager
def _worker(home: Path) -> Iterator[None]:
    synapse = home / "synapse"
    files = ["-c", str(synapse / "homeserver.yaml"), "-c", str(synapse / "worker.yaml")]
    command = [sys.executable, "-P", "-m", "synapse.app.generic_worker", "--no-secrets-in-config", *files]
    with _child(command, home / "logs" / "worker.out"):
        yield


@contextmanager
def _child(command: list[str], output: Path) -> Iterator[None]:
    """Run a program that dies with the tests."""
    with output.open("wb") as written:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "SIGKILL", *command],
            stdout=written,
            stderr=written,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=output.parent,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


async def _answers(url: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return response.status == 200
    return False
