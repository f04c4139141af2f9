"""Who holds a role: how many, how long, and where."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from banyan.domain.findings import About, Severity
from banyan.domain.people import LET_IN
from banyan.domain.rooms import RoomKind
from banyan.i18n import N_
from policies.engine import Drift, Unknown, rule
from policies.facts import PersonFacts, World
from policies.rules.reading import fingerprint, listed

_OF_AN_AREA = frozenset({RoomKind.SPACE, RoomKind.TALK, RoomKind.GUIDE, RoomKind.ALERT})


@rule(
    "role-crowded",
    about=About.NETWORK,
    severity=Severity.WARNING,
    title=N_("{count} people hold the role {role} in {area}; {limit} may."),
    remedy=N_("Take the role from those who do not need it any more, or raise `most` in the network file."),
)
def crowded(world: World, _: World) -> Iterator[Drift]:
    """No more than `most` hold a role, in each area or in all. An invited person's role counts."""
    held: Counter[tuple[str, str]] = Counter()
    for person in world.people:
        if person.member.status in LET_IN:
            for name in person.member.placement.roles & world.network.roles.keys():
                per_country = world.network.roles[name].per_country
                held[name, person.member.placement.area if per_country else "regional"] += 1
    for (name, area), count in sorted(held.items()):
        limit = world.network.roles[name].most
        if limit is not None and count > limit:
            yield {"subject": name, "role": name, "area": area, "count": count, "limit": limit}


@rule(
    "role-term",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("Their time as {role} ended {days} days ago."),
    remedy=N_("Give them the role again, with a second person, or take it."),
)
def term(person: PersonFacts, world: World) -> Iterator[Drift]:
    """A role is held for its `days` and then given again."""
    if not person.admitted:
        return
    for name in sorted(person.member.placement.roles & world.network.roles.keys()):
        if name not in person.terms:
            raise Unknown
        end = person.terms[name] + timedelta(days=world.network.roles[name].days)
        if world.now > end:
            yield {"role": name, "days": -((end - world.now) // timedelta(days=1))}


@rule(
    "role-abroad",
    about=About.MEMBER,
    severity=Severity.BREACH,
    title=N_("They hold a role for their own area and are in rooms of another: {rooms}."),
    remedy=N_("Look what they saw and did there. If they moved, give them their new place instead."),
    waived_by=("rooms", "exactly"),
)
def abroad(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Who runs the rooms of one area is in the rooms of no other."""
    placement, roles = person.member.placement, world.network.roles
    if not any(name in roles and roles[name].per_country for name in placement.roles):
        return
    areas = {area.key for area in world.network.areas} - {placement.area}
    split = {key: key.partition(":") for key in person.rooms}
    elsewhere = [key for key, (kind, _, place) in split.items() if kind in _OF_AN_AREA and place in areas]
    if elsewhere:
        yield {"rooms": listed(elsewhere), "exactly": fingerprint(elsewhere)}
