"""A throw-away PostgreSQL cluster from Debian's binaries, on loopback, for tests marked `database`."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from aiohttp.test_utils import unused_port

from homeserver.config import PostgresSpec
from tests.waiting import PATIENCE

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@dataclass(frozen=True)
class Cluster:
    """A running server whose superuser may do everything."""

    host: str
    port: int
    user: str
    password: str
    password_file: Path
    directory: Path

    def url(self, database: str = "postgres") -> str:
        """For SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{self.user}:{self.password}@{self.host}:{self.port}/{database}"

    def dsn(self, database: str = "postgres") -> str:
        """For psycopg2 and asyncpg themselves."""
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"

    def new_database(self, name: str) -> PostgresSpec:
        """An empty database as Synapse demands it, in place of one of that name."""
        with closing(psycopg2.connect(self.dsn())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                cursor.execute(
                    f"CREATE DATABASE {name} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
                )
        return PostgresSpec(self.host, self.port, self.user, self.password_file, name)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a cluster in UTF8 and locale C, as Synapse demands. Skip where PostgreSQL is not installed."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not pytest's directory: the server runs as another user, who may not enter it.
    root = Path(tempfile.mkdtemp(prefix="banyan-postgres-"))
    try:
        yield from _running(root, BINARIES[-1].parent)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _running(root: Path, binaries: Path) -> Iterator[Cluster]:
    password_file = root / "password"
    password_file.write_text(secrets.token_hex(16))
    data = root / "data"
    as_user = _as_unprivileged(root)
    subprocess.run(
        [
            *as_user,
            binaries / "initdb",
            f"--pgdata={data}",
            "--username=owner",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=PATIENCE,
        cwd=root,
    )
    port = unused_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": root,
        "fsync": "off",
        "max_connections": 60,
    }
    with (root / "server.log").open("wb") as output:
        server = subprocess.Popen(
            [
                *as_user,
                binaries / "postgres",
                "-D",
                data,
                *(f"--{key}={is_}" for key, is_ in options.items()),
            ],
            stdout=output,
            stderr=output,
            cwd=root,
        )
    started = Cluster("127.0.0.1", port, "owner", password_file.read_text(), password_file, root)
    try:
        _wait(server, started)
        yield started
    finally:
        with suppress(ProcessLookupError):
            server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE)


def _as_unprivileged(root: Path) -> list[str]:
    """How to become somebody other than root, whom PostgreSQL refuses; the server dies with the tests."""
    dies = ["setpriv", "--pdeathsig", "SIGKILL"]
    if os.geteuid() != 0:
        return dies
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL cannot run as root, and there is no user postgres")
    for path in (root, *root.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)
    return [*dies, "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _wait(server: "subprocess.Popen[bytes]", started: Cluster) -> None:
    """Return when it lets somebody in: it listens before that, and then says that it is starting up."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(psycopg2.OperationalError), closing(psycopg2.connect(started.dsn())):
            return
        time.sleep(0.05)  # its log has no line that could be awaited before it listens
    log = started.directory / "server.log"
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-500:]}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One cluster for all tests of a run."""
    with cluster() as running:
        yield running
