"""What one phone shows to whoever unlocks it."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.domain.rooms import RoomKind
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import PersonFacts, World

_SENSITIVE = (RoomKind.STAFF, RoomKind.JOINT)


@rule(
    "member-sensitive",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They are in {count} staff and joint rooms; one phone should show {limit} at most."),
    remedy=N_("Take a role from them that somebody else can hold."),
)
def sensitive(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Nobody is in everything."""
    count = sum(key.partition(":")[0] in _SENSITIVE for key in person.rooms)
    limit = world.network.limits.sensitive_rooms
    if person.admitted and count > limit:
        yield {"count": count, "limit": limit}


@rule(
    "member-entries",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("Their phone shows {count} rooms; {limit} is the most for a member without a duty."),
    remedy=N_("Take them out of a theme, or ask them to leave old chats."),
)
def entries(person: PersonFacts, world: World) -> Iterator[Drift]:
    """An ordinary member's list is short."""
    limit = world.network.limits.rooms_per_member
    if _ordinary(person) and person.entries > limit:
        yield {"count": person.entries, "limit": limit}


@rule(
    "member-sees",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("Their phone shows {count} other pseudonyms; {limit} is the most for a member without a duty."),
    remedy=N_("Split their country into cells, or take them out of a theme."),
)
def sees(person: PersonFacts, world: World) -> Iterator[Drift]:
    """An ordinary member meets few others."""
    limit = world.network.limits.visible_members
    if _ordinary(person) and person.sees > limit:
        yield {"count": person.sees, "limit": limit}


def _ordinary(person: PersonFacts) -> bool:
    return person.admitted and not person.member.placement.roles
