"""What rooms are for."""

from banyan.domain.people import Placement
from banyan.domain.rooms import RoomKind
from banyan.i18n import render
from bots.legend import ORDER, PURPOSES, legend
from policies.rooms import declared_rooms


def test_every_kind_of_room_is_explained(network):
    """No room of anybody's list stays a riddle."""
    assert set(PURPOSES) == set(RoomKind) == set(ORDER)


def test_only_the_own_rooms_that_exist_are_told_of(network):
    """Alarms first; neither another cell nor a room that is not made yet."""
    placement = Placement("MM-1", themes=frozenset({"climate"}))
    keys = [room.key for room in declared_rooms(network)]
    told = render(legend(network, placement, keys), "en").splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "Alder rain",
        "Alder path",
        "Alder shade",
        "Basalt",
        "Alder",
    ]
    keys.remove("theme:climate")
    assert "Basalt" not in render(legend(network, placement, keys), "en")
