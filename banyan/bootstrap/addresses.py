"""Where the parts of one home listen, and what its homeserver is told of that."""

from dataclasses import dataclass
from pathlib import Path

from banyan.files import create_secret
from banyan.network import Network
from banyan.settings import Database, Federation, Home, Settings
from homeserver.config import FederationSpec, HomeserverSpec, PostgresSpec

PORTS = ("client", "metrics", "public", "private")


@dataclass(frozen=True)
class Addresses:
    """Where the parts of one home listen, and how the world reaches them."""

    homeserver: str
    """Where our own processes reach Synapse."""
    public: tuple[str, int]
    private: tuple[str, int]
    homeserver_url: str
    """What members are told."""
    web_url: str
    private_url: str


def addresses_of(
    home: Home, settings: Settings, network: Network, ports: dict[str, int]
) -> tuple[Addresses, HomeserverSpec]:
    """Where the parts of this home listen, and what the homeserver is started with. `ports` by `PORTS`."""
    local = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    public = settings.public
    addresses = Addresses(
        homeserver=local["client"],
        public=(settings.bind, ports["public"]),
        private=("127.0.0.1", ports["private"]),
        homeserver_url=public.homeserver_url if public else local["client"],
        web_url=(public.web_url if public else local["public"]).rstrip("/"),
        private_url=local["private"],
    )
    spec = HomeserverSpec(
        server_name=settings.name,
        client_port=ports["client"],
        metrics_port=ports["metrics"],
        private_url=local["private"],
        public_baseurl=f"{public.homeserver_url.rstrip('/')}/" if public else None,
        behind_proxy=public is not None,
        database=_postgres(home, settings.database),
        private_chats=network.limits.private_chats == "allowed",
        federation=_federation(settings.bind, settings.federation),
    )
    return addresses, spec


def _federation(bind: str, own: Federation | None) -> FederationSpec | None:
    if own is None:
        return None
    return FederationSpec(own.port, bind, own.certificate, own.private_key, own.authorities, own.loopback)


def _postgres(home: Home, database: Database | None) -> PostgresSpec | None:
    if database is None:
        return None
    password_file = database.password_file or _no_password(home)
    return PostgresSpec(database.host, database.port, database.user, password_file, database.synapse)


def _no_password(home: Home) -> Path:
    file = home.secret("no-password")
    create_secret(file, "")
    return file
