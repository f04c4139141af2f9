"""What a room is called: the server, push services and a seized phone all show it."""

from collections.abc import Iterator
from functools import lru_cache

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from banyan.network.telling import given_away, telling_words
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.rules.reading import same


@rule(
    "room-name",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room is not called by its code name {name}."),
    remedy=N_("Find out who renamed it. Tell its members that the old name is the right one."),
    repaired=True,
)
def name(room: RoomFacts, _: World) -> Iterator[Drift]:
    """A declared room has its code name: whoever renames rooms can lead people astray."""
    if room.declared and not same(room.content("m.room.name"), {"name": room.declared.name}):
        yield {"name": room.declared.name}


@rule(
    "room-name-telling",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("The name or the topic of this room has a word that gives the network away."),
    remedy=N_("Rename it to something dull; servers and phones may have kept the old name."),
)
def telling(room: RoomFacts, world: World) -> Iterator[Drift]:
    """No room, whoever made it, carries a word of the list. Which word, the finding does not repeat."""
    network = world.network
    words = _telling(network.words, tuple(network.countries), tuple(network.themes))
    texts = (room.content(f"m.room.{part}").get(part) for part in ("name", "topic"))
    if any(given_away(text, words) for text in texts if isinstance(text, str)):
        yield {}


_telling = lru_cache(maxsize=2)(telling_words)
"""Made once for a network: the names of its countries in every language are many."""
