"""What is fixed when a room is made, and so is put right only by making the room anew."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.domain.rooms import RoomKind
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.rooms import ROOM_VERSION
from policies.rules.reading import same


@rule(
    "room-federates",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("This room is open to other servers, or closed to them, against what is declared."),
    remedy=N_("It cannot be changed: archive the room and let `banyan apply` make it anew."),
)
def federates(room: RoomFacts, world: World) -> Iterator[Drift]:
    """As declared for its kind; every room that nobody declared stays at home. Left out, it means open."""
    wanted = bool(room.declared and world.network.rooms.of(room.declared.kind).federates)
    if not same(room.content("m.room.create").get("m.federate", True), wanted):
        yield {}


@rule(
    "room-version",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room is of version {version}, in which its maker's power can be taken away."),
    remedy=N_("Archive the room and let `banyan apply` make it anew."),
)
def version(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Version 12, the first in which nobody stands above the creator."""
    if room.declared and room.version != ROOM_VERSION:
        yield {"version": str(room.version)[:20]}


@rule(
    "room-creator",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("This room was not made by the keeper alone: whoever made it holds all power for good."),
    remedy=N_("It cannot be changed: archive the room and let `banyan apply` make it anew."),
)
def creator(room: RoomFacts, world: World) -> Iterator[Drift]:
    """The keeper made it, and named nobody beside itself."""
    others = room.content("m.room.create").get("additional_creators")
    if room.declared and (room.creator != world.accounts.keeper or others):
        yield {}


@rule(
    "room-type",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room is a space and ought to be none, or the other way round."),
    remedy=N_("It cannot be changed: archive the room and let `banyan apply` make it anew."),
)
def kind(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Spaces are spaces, rooms have no type."""
    found = room.content("m.room.create").get("type")
    if room.declared and found != ("m.space" if room.declared.kind is RoomKind.SPACE else None):
        yield {}
