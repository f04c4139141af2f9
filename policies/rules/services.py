"""Application services: whoever holds the token of one acts as every account that its namespace covers."""

import re
from collections.abc import Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.domain.people import LET_IN
from banyan.domain.sight import SeenService
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World
from policies.rules.reading import fingerprint, shown

_LONGEST: Final = 200
_LOOPS: Final = 3


@rule(
    "service-unknown",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("An application service is registered that is not ours: {service}."),
    remedy=N_("Take it out of the homeserver's configuration, and find out who put it there."),
    waived_by=(),
)
def unknown(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Only ours: bridges, integrations and foreign bots hear and act in rooms."""
    for service in server.services:
        if service.id not in server.known_services:
            yield {"subject": shown(service.id), "service": shown(service.id)}


@rule(
    "service-changed",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("Our application service {service} is missing, or not as we registered it."),
    remedy=N_("Run `banyan up` anew: it writes the registration as it ought to be. Find out who changed it."),
)
def changed(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Each of ours is there with its own address and namespaces."""
    seen = {service.id: service for service in server.services}
    for name, wanted in server.known_services.items():
        if name not in seen or _shape(seen[name]) != _shape(wanted):
            yield {"subject": name, "service": name}


def _shape(service: SeenService) -> tuple[object, ...]:
    users = sorted((pattern, exclusive) for pattern, exclusive in service.users)
    return service.url, users, sorted(service.rooms), sorted(service.aliases)


@rule(
    "service-shared",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("Others may register names that the application service {service} covers."),
    remedy=N_("Make its namespaces exclusive, and look whether somebody has such a name."),
)
def shared(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Every namespace is exclusive."""
    for service in server.services:
        if not all(exclusive for _, exclusive in service.users):
            yield {"subject": shown(service.id), "service": shown(service.id)}


@rule(
    "service-covers",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_(
        "Whoever holds the key of the application service {service} can act as {count} accounts too many."
    ),
    remedy=N_("Take the namespace out of its registration, and make a new key for it."),
    waived_by=("count", "exactly"),
)
def covers(server: ServerFacts, world: World) -> Iterator[Drift]:
    """No namespace covers a member, the registrar or the keeper."""
    users = [person.user_id for person in world.people if person.member.status in LET_IN]
    users += [world.accounts.keeper, world.accounts.registrar]
    for service in server.services:
        if covered := [user for user in users if any(_covers(each, user) for each, _ in service.users)]:
            name, exactly = shown(service.id), fingerprint(covered)
            yield {"subject": name, "service": name, "count": len(covered), "exactly": exactly}


def _covers(pattern: str, user_id: str) -> bool:
    """Match as Synapse does, from the start only. What is too wild to be tried covers everybody."""
    # a pattern with several loops can take for ever on one name; ours have none
    if len(pattern) > _LONGEST or sum(map(pattern.count, "*+{")) > _LOOPS:
        return True
    try:
        return re.match(pattern, user_id) is not None
    except (re.error, RecursionError, OverflowError):
        return True
