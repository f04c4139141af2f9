"""Rooms that the network file asks for and that are not there."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import World


@rule(
    "room-missing",
    about=About.NETWORK,
    severity=Severity.WARNING,
    title=N_("This room is declared in the network file, but it does not exist."),
    remedy=N_("Run `banyan apply` on the server: it makes what is missing."),
)
def missing(world: World, _: World) -> Iterator[Drift]:
    """Every declared room is there."""
    yield from ({"subject": room.key} for room in world.missing)
