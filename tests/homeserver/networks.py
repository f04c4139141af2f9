"""Networks for tests: the example, and one small enough to be interrupted at every step."""

import hashlib

from banyan.domain.people import Accounts
from banyan.network import Network, load_network
from banyan.settings import DEFAULT_NETWORK
from homeserver.desired import DesiredRoom, desired

ACCOUNTS = Accounts("banyan.test")


def mekong() -> Network:
    return load_network(DEFAULT_NETWORK)


def small() -> Network:
    """One country, one theme, one staff room: seven rooms of every kind."""
    network = mekong()
    return network.model_copy(
        update={
            "countries": {"KH": network.countries["KH"]},
            "themes": {"climate": network.themes["climate"]},
            "staff": {"vetting": network.staff["vetting"]},
            "roles": {"vetting_officer": network.roles["vetting_officer"]},
        }
    )


def without_theme(network: Network) -> Network:
    return network.model_copy(update={"themes": {}})


def mark(key: str) -> str:
    """A locator for tests."""
    return hashlib.sha256(key.encode()).hexdigest()


def rooms(network: Network, **options) -> tuple[DesiredRoom, ...]:
    return desired(network, ACCOUNTS, mark, **options)
