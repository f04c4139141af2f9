"""A bare Synapse: SQLite, a free loopback port, one application service, nothing of ours in it.

What tests and benchmarks compare with, and what the bots' client is tried against on its own.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import yaml
from aiohttp.test_utils import unused_port

from banyan.matrix import Api
from homeserver.accounts import register_by_secret
from tests.waiting import PATIENCE, until

SERVER_NAME = "bare.test"


@dataclass(frozen=True)
class BareSynapse:
    """Where it listens, and the secrets to use it."""

    url: str
    server_name: str
    as_token: str
    registration_secret: str
    pid: int
    directory: Path

    def user(self, localpart: str) -> str:
        return f"@{localpart}:{self.server_name}"

    async def register(self, localpart: str, password: str, *, admin: bool = False) -> str:
        """Register an account with a password and return its access token."""
        async with Api(self.url, None) as api:
            shared = self.registration_secret
            return (await register_by_secret(api, shared, localpart, password, admin=admin))["access_token"]


@asynccontextmanager
async def bare_synapse(directory: Path, listeners=(), **settings) -> AsyncIterator[BareSynapse]:
    """Run one until the block ends. `settings` are laid over the configuration, `listeners` beside ours."""
    port, as_token, shared = unused_port(), secrets.token_hex(16), secrets.token_hex(16)
    _configure(directory, port, as_token, shared, settings)
    _listen_too(directory, listeners)
    common = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(directory / "homeserver.yaml")]
    keys = await asyncio.create_subprocess_exec(*common, "--generate-keys", cwd=directory)
    assert await keys.wait() == 0
    server = await asyncio.create_subprocess_exec(*common, cwd=directory)
    try:
        url = f"http://127.0.0.1:{port}"
        await until(partial(_answers, url, server))
        name = settings.get("server_name", SERVER_NAME)
        yield BareSynapse(url, name, as_token, shared, server.pid, directory)
    finally:
        if server.returncode is None:
            await _ended(server)
        else:
            print("it had ended before it was told to, with status", server.returncode)  # noqa: T201 - shown when a test fails


def _configure(directory: Path, port: int, as_token: str, shared: str, settings: dict) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    registration = {
        "id": "bots",
        "url": None,
        "as_token": as_token,
        "hs_token": secrets.token_hex(16),
        "sender_localpart": "bots",
        "rate_limited": False,
        "namespaces": {"users": [{"exclusive": True, "regex": "@b_.*"}], "aliases": [], "rooms": []},
    }
    (directory / "bots.yaml").write_text(yaml.safe_dump(registration))
    (directory / "log.yaml").write_text(yaml.safe_dump(_logging(directory)))
    unlimited = {"per_second": 100_000, "burst_count": 100_000}
    config = {
        "server_name": SERVER_NAME,
        "listeners": [
            {
                "port": port,
                "type": "http",
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"]}],
            }
        ],
        "database": {"name": "sqlite3", "args": {"database": str(directory / "homeserver.db")}},
        "media_store_path": str(directory / "media"),
        "signing_key_path": str(directory / "signing.key"),
        "pid_file": str(directory / "pid"),
        "log_config": str(directory / "log.yaml"),
        "macaroon_secret_key": secrets.token_hex(16),
        "form_secret": secrets.token_hex(16),
        "registration_shared_secret": shared,
        "app_service_config_files": [str(directory / "bots.yaml")],
        "trusted_key_servers": [],
        "report_stats": False,
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        "experimental_features": {"msc4222_enabled": True},
        "rc_message": unlimited,
        "rc_registration": unlimited,
        "rc_room_creation": unlimited,
        "rc_joins": {"local": unlimited, "remote": unlimited},
        "rc_joins_per_room": unlimited,
        "rc_login": {"address": unlimited, "account": unlimited, "failed_attempts": unlimited},
        "rc_invites": {"per_room": unlimited, "per_user": unlimited, "per_issuer": unlimited},
        **settings,
    }
    (directory / "homeserver.yaml").write_text(yaml.safe_dump(config))


def _listen_too(directory: Path, listeners) -> None:
    file = directory / "homeserver.yaml"
    config = yaml.safe_load(file.read_text())
    config["listeners"] += listeners
    file.write_text(yaml.safe_dump(config))


async def _answers(url: str, server: asyncio.subprocess.Process) -> bool:
    if server.returncode is not None:
        raise RuntimeError("Synapse ended: see log in its directory")
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/_matrix/client/versions") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _ended(server: asyncio.subprocess.Process) -> None:
    server.terminate()
    try:
        await asyncio.wait_for(server.wait(), PATIENCE)
    except TimeoutError:
        server.kill()
        await server.wait()


def _logging(directory: Path) -> dict:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(directory / "homeserver.log"),
                "formatter": "plain",
            }
        },
        "root": {"level": "WARNING", "handlers": ["file"]},
    }
