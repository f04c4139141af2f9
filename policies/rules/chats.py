"""Rooms that the network file does not ask for: chats of our own, private chats, and others."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import Place, RoomFacts, World
from policies.rooms import WARDEN
from policies.rules.reading import fingerprint, level

_TWO = 2


@rule(
    "room-stray",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("Nobody declared this room, and {count} people are in it."),
    remedy=N_("If it is an old room of ours, archive it. Else find out who made it, and how."),
    waived_by=(),
)
def stray(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Every room is declared, or a chat of two."""
    if room.place is Place.STRAY and room.present:
        yield {"count": len(room.present)}


@rule(
    "chat-crowded",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("{count} people are in a chat that is for two."),
    remedy=N_("Ask those two who else was there, and to leave the chat and begin a new one."),
    waived_by=("count", "exactly"),
)
def crowded(room: RoomFacts, _: World) -> Iterator[Drift]:
    """A chat is for two, those who are only asked in counted."""
    if room.place in (Place.CHAT, Place.PRIVATE) and len(room.present) > _TWO:
        yield {"count": len(room.present), "exactly": fingerprint(room.present)}


@rule(
    "chat-apart",
    about=About.ROOM,
    severity=Severity.NOTICE,
    title=N_("Two members have a private chat and no room in common any more."),
    remedy=N_("Ask them to leave it: a private chat ties together who should not know of each other."),
)
def apart(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Private chats are for members who share a room."""
    two = [world.members[user].rooms for user in room.present if user in world.members]
    if room.place is Place.PRIVATE and len(two) > 1 and not frozenset.intersection(*two):
        yield {}


@rule(
    "chat-forbidden",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("Two members have a private chat, and this network has none."),
    remedy=N_("Ask them to leave it, or allow private chats in the network file."),
)
def forbidden(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Where private chats are turned off, there are none."""
    if room.place is Place.PRIVATE and world.network.limits.private_chats == "none" and len(room.present) > 1:
        yield {}


@rule(
    "chat-open",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("Others can be asked into a chat that is for two."),
    remedy=N_("Ask those two to leave the chat and begin a new one."),
)
def open_(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Asking others into a chat of ours needs 100. In a private chat the gate judges who comes in."""
    if room.place is Place.CHAT:
        levels = room.content("m.room.power_levels")
        if level(levels.get("invite"), otherwise=0) < WARDEN:
            yield {}
