"""Which duties one person may not hold together, and how many must hold each.

A small team cannot keep duties apart: with `team: small` these are told as separations that it lives with.
That a duty has too few hands is a finding in any team.
"""

from collections.abc import Callable, Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.domain.permissions import Permission
from banyan.i18n import N_
from policies.engine import Drift, Rule, rule
from policies.facts import PersonFacts, World
from policies.permissions import holds, reach

ENOUGH: Final = 2
NEEDED: Final = (
    Permission.APPROVE,
    Permission.AUDIT,
    Permission.FREEZE,
    Permission.INVITE,
    Permission.ROLES,
)
"""What the network needs at any hour: two persons at least, for one may sleep or be the one in question."""

_APART: Final = N_(
    "Take one of the two duties from them, or write `team: small` if you are too few for that."
)


def _both(one: Permission, other: Permission) -> Callable[[PersonFacts, World], Iterator[Drift]]:
    def ask(person: PersonFacts, world: World) -> Iterator[Drift]:
        placement = person.member.placement
        if not person.admitted or not placement.roles:
            return
        if all(holds(world.network, placement, duty) for duty in (one, other)):
            yield {}

    return ask


def _apart(one: Permission, other: Permission, title: str) -> Rule:
    """A rule that nobody holds both duties."""
    declare = rule(
        f"duty-{one}-{other}",
        about=About.MEMBER,
        severity=Severity.WARNING,
        title=title,
        remedy=_APART,
        separation=True,
    )
    return declare(_both(one, other))


invite_approve = _apart(
    Permission.INVITE,
    Permission.APPROVE,
    N_("They let people in, and stand behind alerts that those people would be moved by."),
)
invite_audit = _apart(
    Permission.INVITE,
    Permission.AUDIT,
    N_("They let people in, and check whether only the right people are in."),
)
approve_audit = _apart(
    Permission.APPROVE,
    Permission.AUDIT,
    N_("They stand behind alerts, and check who stood behind which."),
)
freeze_audit = _apart(
    Permission.FREEZE,
    Permission.AUDIT,
    N_("They can end a member's access, and check whose was ended, and why."),
)
roles_audit = _apart(
    Permission.ROLES,
    Permission.AUDIT,
    N_("They give roles, and check who holds which."),
)


@rule(
    "duty-few",
    about=About.NETWORK,
    severity=Severity.WARNING,
    title=N_("{count} people may `{duty}` everywhere in the network; it needs {least}."),
    remedy=N_("Give the role to one more person: one alone can be asleep, arrested, or wrong."),
)
def few(world: World, _: World) -> Iterator[Drift]:
    """Two people at least can do what must be possible at any hour, in every area. An empty network waits."""
    staff = [person.member.placement for person in world.members.values() if person.member.placement.roles]
    for duty in NEEDED if world.members else ():
        reaches = [reach(world.network, placement, duty) for placement in staff]
        least = min(sum(area.key in reached for reached in reaches) for area in world.network.areas)
        if least < ENOUGH:
            yield {"subject": duty.value, "duty": duty.value, "count": least, "least": ENOUGH}
