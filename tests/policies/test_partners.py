"""Whom the network speaks with, and who of them comes in where."""

import pytest

from banyan.domain.people import Accounts, Member, Placement
from banyan.network import JointRoom, load_network
from banyan.settings import DEFAULT_NETWORK
from policies.partners import (
    guests_now,
    partner_of,
    people_by_room,
    rooms_with,
    server_acl,
    servers_of,
)
from policies.rooms import declared_rooms
from tests.joint import HARBOUR, LAMP, LANTERN, SAIL, WICK, partner, with_partners

OWN = "banyan.test"


@pytest.fixture
def declared(network):
    return with_partners(network)


def test_without_a_joint_room_there_is_no_federation(network):
    """A partner alone, even with a server, opens nothing; nor does a room for one without a server."""
    assert servers_of(network) == frozenset()
    alone = network.model_copy(update={"partners": {"harbour": partner(HARBOUR, LAMP)}})
    assert servers_of(alone) == frozenset()
    nowhere = JointRoom(code_name="Larch", partners=["harbour"], roles=[next(iter(network.roles))])
    silent = network.model_copy(
        update={"partners": {"harbour": partner(None)}, "joint": {"harbour": nowhere}}
    )
    assert servers_of(silent) == frozenset()


def test_exactly_the_declared_servers_are_spoken_with(declared):
    """With their ports, and without those that are cut off."""
    assert servers_of(declared) == {HARBOUR, LANTERN}
    assert servers_of(declared, cut={HARBOUR}) == {LANTERN}
    assert servers_of(declared, cut={HARBOUR, LANTERN}) == frozenset()


def test_guests_are_in_joint_rooms_and_nowhere_else(declared):
    """By their ids; of a server that is cut off nobody."""
    found = {room.key: guests_now(declared, room.key) for room in declared_rooms(declared)}
    assert {key: guests for key, guests in found.items() if guests} == {
        "joint:harbour": {LAMP, SAIL},
        "joint:both": {LAMP, SAIL, WICK},
    }
    assert guests_now(declared, "joint:both", cut={HARBOUR}) == {WICK}


def test_members_and_guests_are_where_they_belong_and_nobody_else(declared):
    """A role brings our own people to the partners; a cut takes the partners' people away and leaves ours."""
    role = next(name for name in declared.joint["both"].roles)
    lotus = Member("1", "lotus", Placement("KH", roles=frozenset({role})), "en")
    reed = Member("2", "reed", Placement("KH", barred=frozenset({"talk:KH"})), "en")
    who = people_by_room(declared, Accounts(OWN), [lotus, reed], ())
    assert who["space:KH"] == {f"@lotus:{OWN}", f"@reed:{OWN}"}
    assert who["talk:KH"] == {f"@lotus:{OWN}"}
    assert who["joint:both"] == {f"@lotus:{OWN}", LAMP, SAIL, WICK}
    assert "talk:LA" not in who
    after = people_by_room(declared, Accounts(OWN), [lotus, reed], {HARBOUR, LANTERN})
    assert after["joint:both"] == {f"@lotus:{OWN}"}
    assert people_by_room(declared, Accounts(OWN), [], {HARBOUR}) == {"joint:both": {WICK}}


def test_a_joint_room_accepts_its_own_partners_only(declared):
    """Names with and without their ports, for servers match either; a cut one is gone, the others stay."""
    assert server_acl(declared, "joint:harbour", OWN) == {"allow": [OWN, HARBOUR], "deny": []}
    assert server_acl(declared, "joint:both", OWN)["allow"] == [OWN, "lantern.test", LANTERN, HARBOUR]
    assert server_acl(declared, "joint:both", OWN, cut={HARBOUR})["allow"] == [OWN, "lantern.test", LANTERN]
    assert server_acl(declared, "joint:harbour", OWN, cut={HARBOUR})["allow"] == [OWN]


def test_a_server_belongs_to_one_partner(declared):
    assert partner_of(declared, LANTERN) == "lantern"
    assert partner_of(declared, "elsewhere.test") is None
    assert set(rooms_with(declared, HARBOUR)) == {"joint:harbour", "joint:both"}
    assert rooms_with(declared, LANTERN) == ("joint:both",)


def test_the_example_networks_speak_with_nobody():
    """Federation is off in everything we ship."""
    for name in ("mekong", "asia"):
        assert servers_of(load_network(DEFAULT_NETWORK.parent / f"{name}.yaml")) == frozenset()


def test_no_guest_is_one_of_ours(declared):
    """An id on our own server is no partner's."""
    everybody = {LAMP, SAIL, WICK}
    assert not [guest for guest in everybody if Accounts(OWN).localpart(guest)]
