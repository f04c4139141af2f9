"""How a member's time here goes: confirmed in time, answering, placed where the network still is."""

from collections.abc import Iterator
from datetime import timedelta

from banyan.domain.findings import About, Severity
from banyan.domain.people import Placement
from banyan.i18n import N_
from banyan.network import Network
from policies.engine import Drift, Unknown, rule
from policies.facts import PersonFacts, World
from policies.rules.reading import listed


@rule(
    "member-provisional",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They came in more than {limit} days ago and have not confirmed a device."),
    remedy=N_("Ask whether they need help with it, or end their access: it may be a link that went astray."),
)
def provisional(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Within some days a member has a device that their own keys vouch for."""
    if not person.admitted or any(device.signed for device in person.devices):
        return
    if person.since is None:
        raise Unknown
    limit = world.network.limits.provisional_days
    if world.now - person.since > timedelta(days=limit):
        yield {"limit": limit}


@rule(
    "member-dormant",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They left {count} questions in a row without an answer."),
    remedy=N_("Somebody who knows them should ask how they are, by another way than this."),
)
def dormant(person: PersonFacts, world: World) -> Iterator[Drift]:
    """From questions that were put to everybody, and never from when somebody was online."""
    if person.admitted and person.unanswered >= world.network.limits.unanswered_questions:
        yield {"count": person.unanswered}


@rule(
    "member-misplaced",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They have a place or a role that the network file does not know any more: {names}."),
    remedy=N_("Give them one that exists, or put the name back into the network file."),
)
def misplaced(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Whatever decides which rooms a member is in is declared."""
    if person.admitted and (gone := _gone(world.network, person.member.placement)):
        yield {"names": listed(gone)}


def _gone(network: Network, placement: Placement) -> frozenset[str]:
    area = {placement.area} - {area.key for area in network.areas}
    themes = placement.themes - network.themes.keys()
    return frozenset(area | themes | (placement.roles - network.roles.keys()))
