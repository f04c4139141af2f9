"""Which rooms a space shows, and the mark by which `apply` finds a room again."""

from collections.abc import Iterator
from typing import Any

from banyan.domain.findings import About, Severity
from banyan.domain.rooms import LOCATOR, RoomKind
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import RoomFacts, World
from policies.rules.reading import same


@rule(
    "space-child",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This space does not show exactly its own rooms: {rooms} too few, {extra} too many."),
    remedy=N_("Find out who changed it: a room that is not ours can be made to look like one."),
    repaired=True,
)
def child(room: RoomFacts, world: World) -> Iterator[Drift]:
    """A space names each room that hangs under it, and no other; other rooms name none."""
    if room.declared is None:
        return
    key, space = room.declared.key, room.declared.kind is RoomKind.SPACE
    wanted = {
        other.room_id for other in world.rooms if space and other.declared and other.declared.parent == key
    }
    link = {"via": [world.accounts.server_name]}
    found = _linked(room, "m.space.child")
    right = {child for child in wanted if same(found.get(child), link)}
    extra = found.keys() - wanted
    if right != wanted or extra:
        yield {"rooms": len(wanted - right), "extra": len(extra)}


@rule(
    "space-parent",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room does not say, or says wrongly, under which space it hangs."),
    remedy=N_("Find out who changed it: apps show the room in a place where it does not belong."),
    repaired=True,
)
def parent(room: RoomFacts, world: World) -> Iterator[Drift]:
    """A room names the space it hangs under, and no other."""
    if room.declared is None:
        return
    link = {"via": [world.accounts.server_name], "canonical": True}
    wanted = {room.parent_id: link} if room.parent_id else {}
    if not same(_linked(room, "m.space.parent"), wanted):
        yield {}


def _linked(room: RoomFacts, kind: str) -> dict[str, Any]:
    """Room id → link. An emptied link is none."""
    return {key: content for (found, key), content in room.state.items() if found == kind and content}


@rule(
    "room-locator",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("This room has lost the mark by which it is found again."),
    remedy=N_("Run `banyan apply` before anything else: after a restore the room would be made twice."),
    repaired=True,
)
def locator(room: RoomFacts, _: World) -> Iterator[Drift]:
    """A declared room has a locator. Which one is a secret of the home: rules do not know it."""
    content = room.content(LOCATOR)
    if room.declared and not (content.keys() == {"id"} and isinstance(content["id"], str) and content["id"]):
        yield {}


@rule(
    "room-frozen",
    about=About.ROOM,
    severity=Severity.NOTICE,
    title=N_("This room is still frozen: nobody can write there."),
    remedy=N_("When you know what happened, open it again."),
)
def frozen(room: RoomFacts, _: World) -> Iterator[Drift]:
    """A room is frozen when it could not be kept as it ought to be, and opened by people."""
    if room.frozen:
        yield {}
