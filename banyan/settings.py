"""One home, one network: where things lie, and what the operator may set in `DIR/banyan.yaml`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from banyan.errors import BadFile, Fault

DEFAULT_NETWORK = Path(__file__).resolve().parent.parent / "policies" / "networks" / "mekong.yaml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Public(_Frozen):
    """How the world reaches this home, once a reverse proxy with TLS stands before it."""

    server_name: str
    """The right-hand side of every user id. Fixed at the first start."""
    homeserver_url: str
    """Where clients connect, e.g. `https://matrix.example.org`."""
    web_url: str
    """Where the join page and the alert intake are, e.g. `https://join.example.org`."""


class Database(_Frozen):
    """A PostgreSQL server that holds both databases. Without it, SQLite files in the home."""

    host: str
    port: int = 5432
    user: str
    password_file: Path | None = None
    synapse: str = "synapse"
    """Name of Synapse's database; encoding UTF8, collation C, as Synapse demands."""
    banyan: str = "banyan"


class Federation(_Frozen):
    """How partner servers reach this home where the homeserver itself speaks TLS, without a reverse proxy.

    Paths are relative to the home. Nothing listens while the network file declares no partner server.
    """

    port: Annotated[int, Field(ge=1, le=65535)] = 8448
    certificate: Path
    """The chain in PEM, for `server_name`."""
    private_key: Path
    authorities: tuple[Path, ...] = ()
    """Certificates in PEM of those who may vouch for partners; empty: whom the machine trusts."""
    loopback: Annotated[bool, Field(strict=True)] = False
    """For tests: partners may be on this machine and in private networks."""

    def below(self, home: Path) -> "Federation":
        """The same with whole paths."""
        return self.model_copy(
            update={
                "certificate": home / self.certificate,
                "private_key": home / self.private_key,
                "authorities": tuple(home / each for each in self.authorities),
            }
        )


class Settings(_Frozen):
    """`DIR/banyan.yaml`, read once."""

    network: Path = DEFAULT_NETWORK
    server_name: str = "banyan.localhost"
    """Used while `public` is not set. Fixed at the first start."""
    public: Public | None = None
    database: Database | None = None
    federation: Federation | None = None
    bind: Annotated[str, Field(description="Address of the listeners that others reach")] = "127.0.0.1"

    @property
    def name(self) -> str:
        """The server name in force."""
        return self.public.server_name if self.public else self.server_name


@dataclass(frozen=True)
class Home:
    """The directory in which one network lives. Two homes on one machine do not meet."""

    path: Path

    @property
    def secrets(self) -> Path:
        """Files of mode 0600 in a directory of mode 0700."""
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        """Log files, without names, texts or addresses."""
        return self.path / "logs"

    @property
    def run_file(self) -> Path:
        """`run.json`: urls, server name and process ids of a running home."""
        return self.path / "run.json"

    @property
    def gate_file(self) -> Path:
        """The allow table that the gate inside Synapse reads."""
        return self.path / "gate.db"

    @property
    def database_file(self) -> Path:
        """Banyan's own SQLite database, unless PostgreSQL is set."""
        return self.path / "banyan.db"

    @property
    def settings_file(self) -> Path:
        """What the operator may set."""
        return self.path / "banyan.yaml"

    def bot_store(self, localpart: str) -> Path:
        """The crypto store of one of our speaking accounts."""
        return self.path / "bots" / f"{localpart}.db"

    def secret(self, name: str) -> Path:
        """Path of one secret."""
        return self.secrets / name


def load_settings(home: Home) -> Settings:
    """Read `DIR/banyan.yaml`; defaults where it is absent. Raise `BadFile` naming every fault."""
    file = home.settings_file
    if not file.exists():
        return Settings()
    try:
        raw = yaml.safe_load(file.read_text()) or {}
    except UnicodeDecodeError:
        raise BadFile(file.name, [Fault(0, "file", "is not text in UTF-8")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadFile(file.name, [Fault((mark.line + 1) if mark else 0, "file", "is not YAML")]) from None
    if not isinstance(raw, dict):
        raise BadFile(file.name, [Fault(1, "file", "must be a mapping of settings")])
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        faults = [Fault(0, ".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise BadFile(file.name, faults) from None
    if not settings.network.is_absolute():
        settings = settings.model_copy(update={"network": (home.path / settings.network).resolve()})
    if settings.federation is not None:
        federation = settings.federation.below(home.path.resolve())
        settings = settings.model_copy(update={"federation": federation})
    return settings
