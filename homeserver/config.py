"""From what a network declares to the files Synapse is started with."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from banyan.files import create_secret, make_private_directory, write_private
from homeserver import names
from homeserver.hardening import HARDENING
from homeserver.registrations import render_registrations

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class PostgresSpec:
    """A PostgreSQL database of Synapse's own (encoding UTF8, collation C)."""

    host: str
    port: int
    user: str
    password_file: Path
    name: str


@dataclass(frozen=True)
class FederationSpec:
    """A listener of Synapse's own for partner servers, with TLS. Without it they use the port of clients."""

    port: int
    bind: str
    certificate: Path
    private_key: Path
    authorities: tuple[Path, ...] = ()
    """Who may vouch for partners; empty: whom the machine trusts."""
    loopback: bool = False
    """Partners may be on this machine and in private networks, which Synapse does not visit otherwise."""


@dataclass(frozen=True)
class HomeserverSpec:
    """What differs between one network's Synapse and another's."""

    server_name: str
    client_port: int
    metrics_port: int
    private_url: str
    """Where Synapse delivers the warden's events: the bridge's private listener."""
    public_baseurl: str | None = None
    behind_proxy: bool = False
    """A reverse proxy sets X-Forwarded-For. Without one, anybody could claim any address."""
    database: PostgresSpec | None = None
    private_chats: bool = True
    federation_whitelist: tuple[str, ...] = ()
    """Names of the servers that may be spoken with. Empty: nothing listens for other servers either."""
    federation: FederationSpec | None = None
    retention_days: int = 365
    media_days: int = 180

    @property
    def client_url(self) -> str:
        """Where our own processes reach Synapse."""
        return f"http://{LOOPBACK}:{self.client_port}"


@dataclass(frozen=True)
class Paths:
    """Where things are under one home."""

    home: Path

    @property
    def synapse(self) -> Path:
        """Configuration, database and media."""
        return self.home / "synapse"

    @property
    def config(self) -> Path:
        """`homeserver.yaml`."""
        return self.synapse / "homeserver.yaml"

    @property
    def log_config(self) -> Path:
        """How Synapse logs."""
        return self.synapse / "log.yaml"

    @property
    def secrets(self) -> Path:
        """Files of mode 0600."""
        return self.home / "secrets"

    @property
    def logs(self) -> Path:
        """What Synapse says, at WARNING and with ids struck out."""
        return self.home / "logs"

    @property
    def gate(self) -> Path:
        """The small database that the gate reads."""
        return self.home / "gate.db"


def render(home: Path, spec: HomeserverSpec) -> None:
    """Write everything Synapse is started with; secrets that exist stay as they are.

    Leaves `synapse/homeserver.yaml`, `synapse/log.yaml` and `secrets/*` under `home`. Safe to repeat.
    """
    paths = Paths(home.resolve())
    for directory in (paths.synapse, paths.secrets, paths.logs):
        make_private_directory(directory)
    for name in ("registration_shared_secret", "macaroon_secret_key", "form_secret", "gate.secret"):
        create_secret(paths.secrets / name)
    create_secret(paths.secrets / "signing.key", _new_signing_key())
    render_registrations(paths.secrets, server_name=spec.server_name, warden_url=spec.private_url)
    if spec.database is not None:
        write_private(paths.secrets / "pgpass", _pgpass(spec.database))
    write_private(paths.config, _yaml(configuration(paths, spec)))
    write_private(paths.log_config, _yaml(log_configuration(paths)))


def configuration(paths: Paths, spec: HomeserverSpec) -> dict[str, Any]:
    """Return the content of `homeserver.yaml`, without a secret in it."""
    config: dict[str, Any] = {}
    for path, setting in HARDENING.items():
        _put(config, path, setting.value)
    lifetime = f"{spec.retention_days}d"
    _put(config, "retention.default_policy", {"min_lifetime": "1d", "max_lifetime": lifetime})
    _put(config, "retention.allowed_lifetime_max", lifetime)
    _put(config, "media_retention.local_media_lifetime", f"{spec.media_days}d")
    config |= {
        "server_name": spec.server_name,
        "listeners": _listeners(spec),
        "federation_domain_whitelist": list(spec.federation_whitelist),
        "database": _database(paths, spec.database),
        "media_store_path": str(paths.synapse / "media"),
        "log_config": str(paths.log_config),
        "signing_key_path": str(paths.secrets / "signing.key"),
        "registration_shared_secret_path": str(paths.secrets / "registration_shared_secret"),
        "macaroon_secret_key_path": str(paths.secrets / "macaroon_secret_key"),
        "form_secret_path": str(paths.secrets / "form_secret"),
        "app_service_config_files": [str(paths.secrets / f"{name}.yaml") for name in names.SERVICES],
        "modules": [{"module": "homeserver.gate.Gate", "config": _gate(paths, spec)}],
    }
    if spec.public_baseurl is not None:
        config["public_baseurl"] = spec.public_baseurl
    if spec.federation_whitelist and spec.federation is not None:
        config |= _tls(spec.federation)
    return config


def log_configuration(paths: Paths) -> dict[str, Any]:
    """Return how Synapse logs: WARNING, to a file that rotates, with ids and addresses struck out."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"discreet": {"()": "homeserver.gate.discreet.DiscreetFormatter"}},
        "handlers": {
            "file": {
                "class": "logging.handlers.RotatingFileHandler",
                "formatter": "discreet",
                "filename": str(paths.logs / "synapse.log"),
                "maxBytes": 2_000_000,
                "backupCount": 3,
                "encoding": "utf-8",
            }
        },
        # INFO prints a user id and an address with every request
        "root": {"level": "WARNING", "handlers": ["file"]},
    }


def _listeners(spec: HomeserverSpec) -> list[dict[str, Any]]:
    own = spec.federation if spec.federation_whitelist else None
    shared = bool(spec.federation_whitelist) and own is None
    clients = {
        "port": spec.client_port,
        "type": "http",
        "bind_addresses": [LOOPBACK],
        "x_forwarded": spec.behind_proxy,
        "resources": [{"names": ["client", "federation"] if shared else ["client"], "compress": False}],
    }
    metrics = {"port": spec.metrics_port, "type": "metrics", "bind_addresses": [LOOPBACK]}
    return [clients, metrics] if own is None else [clients, _partners(own), metrics]


def _partners(federation: FederationSpec) -> dict[str, Any]:
    return {
        "port": federation.port,
        "type": "http",
        "tls": True,
        "bind_addresses": [federation.bind],
        "resources": [{"names": ["federation"], "compress": False}],
    }


def _tls(federation: FederationSpec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "tls_certificate_path": str(federation.certificate),
        "tls_private_key_path": str(federation.private_key),
    }
    if federation.authorities:
        config["federation_custom_ca_list"] = [str(each) for each in federation.authorities]
    if federation.loopback:
        config["ip_range_blacklist"] = []
    return config


def _database(paths: Paths, postgres: PostgresSpec | None) -> dict[str, Any]:
    if postgres is None:
        return {"name": "sqlite3", "args": {"database": str(paths.synapse / "homeserver.db")}}
    return {
        "name": "psycopg2",
        "args": {
            "host": postgres.host,
            "port": postgres.port,
            "user": postgres.user,
            "dbname": postgres.name,
            "passfile": str(paths.secrets / "pgpass"),
            "cp_min": 3,
            "cp_max": 10,
        },
    }


def _gate(paths: Paths, spec: HomeserverSpec) -> dict[str, Any]:
    return {
        "table": str(paths.gate),
        "secret_path": str(paths.secrets / "gate.secret"),
        "accounts": list(names.OWN),
        "growers": [names.KEEPER, names.WARDEN],
        "chatters": [names.DESK, names.STEWARD],
        # the registrar is in no room; everyone else of ours needs no row in the table
        "insiders": [name for name in names.OWN if name != names.REGISTRAR],
        "inviter": names.WARDEN,
        "private_chats": spec.private_chats,
    }


def _pgpass(postgres: PostgresSpec) -> str:
    password = postgres.password_file.read_text(encoding="utf-8").strip()
    fields = (postgres.host, str(postgres.port), postgres.name, postgres.user, password)
    return ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n"


def _new_signing_key() -> str:
    """Return a key in the form Synapse reads: algorithm, version, unpadded base64 of the 32-byte seed."""
    from signedjson.key import encode_signing_key_base64, generate_signing_key

    key = generate_signing_key(f"a_{secrets.token_hex(2)}")
    return f"{key.alg} {key.version} {encode_signing_key_base64(key)}\n"


def _put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config.setdefault(key, {})
    config[last] = value


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=True, allow_unicode=True)
