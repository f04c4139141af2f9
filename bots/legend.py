"""What rooms are for: code names say nothing, so it is told on request."""

from collections.abc import Collection

from banyan.domain.people import Placement
from banyan.domain.rooms import RoomKey, RoomKind
from banyan.i18n import N_, Text
from banyan.network import REGIONAL, Network
from bots.texts import lines
from policies.placement import rooms_now
from policies.rooms import DeclaredRoom, declared_rooms

PURPOSES = {
    RoomKind.SPACE: N_("{room}: the folder that holds the rooms of your group."),
    RoomKind.ALERT: N_("{room}: safety messages. Only we write there. Keep its notifications on."),
    RoomKind.GUIDE: N_("{room}: news and gatherings. Only I write there."),
    RoomKind.TALK: N_("{room}: here your group talks. We cannot read it."),
    RoomKind.THEME: N_("{room}: here members of all countries talk about “{place}”. We cannot read it."),
    RoomKind.STAFF: N_("{room}: the staff room “{place}”."),
    RoomKind.JOINT: N_("{room}: here we talk with people of partner organisations. We cannot read it."),
}
STAFF_SPACE = N_("{room}: the folder that holds the rooms of the staff.")

ORDER = (
    RoomKind.ALERT,
    RoomKind.GUIDE,
    RoomKind.TALK,
    RoomKind.THEME,
    RoomKind.JOINT,
    RoomKind.STAFF,
    RoomKind.SPACE,
)
"""What matters most comes first."""


def legend(network: Network, placement: Placement, existing: Collection[RoomKey]) -> Text:
    """Tell of each room that somebody is in, by code name, what it is for: a line each."""
    mine = rooms_now(network, placement) & frozenset(existing)
    found = [room for room in declared_rooms(network) if room.key in mine]
    return lines(purpose(room) for room in sorted(found, key=lambda room: ORDER.index(room.kind)))


def purpose(room: DeclaredRoom) -> Text:
    """Tell what one room is for."""
    template = PURPOSES[room.kind]
    if room.kind is RoomKind.SPACE and room.area == REGIONAL:
        template = STAFF_SPACE
    place = room.key.partition(":")[2].replace("-", " ")
    return Text(template, room=room.name, place=place)
