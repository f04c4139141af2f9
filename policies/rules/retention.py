"""How long the server keeps messages."""

from collections.abc import Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.rules.reading import same

DAY_MS: Final = 24 * 3600 * 1000


@rule(
    "room-retention",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("The server does not delete the messages of this room after {days} days, as it ought to."),
    remedy=N_("Find out who changed it: what is kept longer can be seized longer."),
    repaired=True,
)
def retention(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Exactly the days that are declared for its kind: a shorter time loses what members rely on."""
    if room.declared:
        days = world.network.rooms.of(room.declared.kind).keep_days
        if not same(room.content("m.room.retention"), {"max_lifetime": days * DAY_MS}):
            yield {"days": days}
