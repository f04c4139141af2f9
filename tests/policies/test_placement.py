"""Which rooms a member is in, and which cell a newcomer goes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.domain.people import Placement
from banyan.errors import NotFound
from banyan.network import load_network
from banyan.settings import DEFAULT_NETWORK
from policies.placement import CellsFull, area_with_place, powers_of, rooms_now, rooms_of
from policies.rooms import declared_rooms

NETWORK = load_network(DEFAULT_NETWORK)
AREAS = [area.key for area in NETWORK.areas]

placements = st.builds(
    Placement,
    area=st.sampled_from(AREAS),
    themes=st.frozensets(st.sampled_from(list(NETWORK.themes))),
    roles=st.frozensets(st.sampled_from(list(NETWORK.roles))),
)


def test_a_member_is_in_four_rooms_of_their_area():
    """Space, conversation, guide and alert: of their own cell, none of another's."""
    assert rooms_of(NETWORK, Placement("MM-2")) == {"space:MM-2", "talk:MM-2", "guide:MM-2", "alert:MM-2"}


def test_themes_and_roles_add_rooms():
    """A theme is one room; a role brings the staff's space and its rooms."""
    rooms = rooms_of(NETWORK, Placement("KH", frozenset({"climate"}), frozenset({"security_officer"})))
    extra = rooms - rooms_of(NETWORK, Placement("KH"))
    assert extra == {"theme:climate", "space:staff", "staff:security", "staff:vetting"}


@given(placements)
def test_every_room_of_a_member_is_declared(placement):
    """Whatever the placement, `apply` makes each of its rooms."""
    assert rooms_of(NETWORK, placement) <= {room.key for room in declared_rooms(NETWORK)}


@given(placements, placements)
def test_members_of_different_areas_meet_only_in_themes_and_as_staff(one, other):
    """No space or room shows the members of two areas to each other, but themes and staff rooms."""
    if one.area != other.area:
        shared = rooms_of(NETWORK, one) & rooms_of(NETWORK, other)
        assert {room.split(":")[0] for room in shared} <= {"theme", "staff", "space"}
        assert not shared - {"space:staff"} & {f"space:{area}" for area in AREAS}


@given(placements)
def test_a_member_without_duties_sees_few_entries(placement):
    """At most nine: four of the area, the themes, the desk's chat."""
    plain = Placement(placement.area, placement.themes)
    assert len(rooms_of(NETWORK, plain)) + 1 <= NETWORK.limits.rooms_per_member


@pytest.mark.parametrize(
    "placement",
    [
        Placement("XX"),
        Placement("MM"),
        Placement("KH", frozenset({"x"})),
        Placement("KH", roles=frozenset({"x"})),
    ],
)
def test_an_unknown_place_is_refused(placement):
    """Never fewer rooms than meant without saying so."""
    with pytest.raises(NotFound):
        rooms_of(NETWORK, placement)


def test_a_focal_point_has_power_in_their_own_conversation_only():
    """50 in the talk room of the area, none in another, none in staff rooms."""
    assert powers_of(NETWORK, Placement("KH", roles=frozenset({"focal_point"}))) == {"talk:KH": 50}
    assert powers_of(NETWORK, Placement("KH", roles=frozenset({"core_team"}))) == {}


def test_power_of_another_role_is_held_in_its_staff_rooms():
    """A role that is not of a country gives its level where its holders meet."""
    chair = NETWORK.roles["coordinator"].model_copy(update={"power": 50})
    network = NETWORK.model_copy(update={"roles": {"chair": chair}})
    expected = {"staff:core-team": 50, "staff:focal-points": 50}
    assert powers_of(network, Placement("KH", roles=frozenset({"chair"}))) == expected


def test_newcomers_fill_one_cell_after_the_other():
    """The first cell with a place; a country that is not split always has one."""
    assert area_with_place(NETWORK, "MM", {}).key == "MM-1"
    assert area_with_place(NETWORK, "MM", {"MM-1": 24}).key == "MM-1"
    assert area_with_place(NETWORK, "MM", {"MM-1": 25}).key == "MM-2"
    assert area_with_place(NETWORK, "MM-2", {}).key == "MM-2"
    assert area_with_place(NETWORK, "KH", {"KH": 5000}).key == "KH"


def test_a_full_country_says_what_to_do():
    """No cell is ever overfilled."""
    with pytest.raises(CellsFull, match=r"countries\.MM\.cells"):
        area_with_place(NETWORK, "MM", {"MM-1": 25, "MM-2": 30})


@pytest.mark.parametrize("country", ["regional", "XX", ""])
def test_nobody_is_placed_nowhere(country):
    """`regional` is no place to live."""
    with pytest.raises(NotFound):
        area_with_place(NETWORK, country, {})


def test_what_is_gone_from_the_network_leads_nowhere():
    """A member of a theme, role or area that the file no longer has keeps the rest and gains nothing."""
    changed = Placement("KH", frozenset({"gone", "climate"}), frozenset({"gone"}))
    assert rooms_now(NETWORK, changed) == rooms_of(NETWORK, Placement("KH", frozenset({"climate"})))
    assert rooms_now(NETWORK, Placement("XX")) == frozenset()
