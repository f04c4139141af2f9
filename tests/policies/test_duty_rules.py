"""Duties: which are kept apart, and how many hands each has."""

from dataclasses import replace

import pytest

from banyan.domain.people import MemberStatus
from banyan.domain.permissions import Permission
from banyan.network import Role
from policies.rules.duties import NEEDED
from tests.policies.worlds import NETWORK, example, found, judged, sound, with_person

OFFICERS = ("plain-gate", "true-lens")
PAIRS = (
    ("invite", "approve"),
    ("invite", "audit"),
    ("approve", "audit"),
    ("freeze", "audit"),
    ("roles", "audit"),
)


def full(*may, **changes):
    """A full team in which security officers alone hold duties, those; and what then nobody holds."""
    others = tuple(duty for duty in NEEDED if duty not in may)
    roles = {
        **NETWORK.roles,
        "security_officer": NETWORK.roles["security_officer"].model_copy(update={"may": may}),
        "vetting_officer": Role(may=()),
        "focal_point": Role(may=()),
    }
    network = example(**{"roles": roles, "team": "full", **changes})
    return sound(network), others


CASES = {
    f"{one} and {other}": (f"duty-{one}-{other}", full(Permission(one), Permission(other))[0])
    for one, other in PAIRS
}
CASES["nobody approves"] = ("duty-few", full()[0])


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_in_a_full_team_nobody_holds_both(pair):
    """Each officer who does is a finding; each duty alone is none."""
    one, other = map(Permission, pair)
    apart = {each for each in found(full(one, other)[0]) if each[0] != "duty-few"}
    assert apart == {(f"duty-{one}-{other}", officer) for officer in OFFICERS}
    for duty in (one, other):
        assert {rule for rule, _ in found(full(duty)[0])} == {"duty-few"}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_small_team_lives_with_it_and_is_told(pair):
    """The same is no finding there, and is named all the same."""
    one, other = map(Permission, pair)
    judgement = judged(full(one, other, team="small")[0])
    assert {each.rule for each in judgement.findings} == {"duty-few"}
    assert {each.subject.name for each in judgement.separations} == set(OFFICERS)
    assert {each.rule for each in judgement.separations} == {f"duty-{one}-{other}"}


@pytest.mark.parametrize("team", ["small", "full"])
@pytest.mark.parametrize("duty", NEEDED)
def test_two_people_hold_each_duty_in_any_team(duty, team):
    """Two are enough; with one of them frozen it is one too few."""
    world, others = full(duty, team=team)
    assert found(world) == {("duty-few", other) for other in others}
    officer = next(each for each in world.people if each.member.localpart == OFFICERS[0])
    alone = with_person(world, OFFICERS[0], member=replace(officer.member, status=MemberStatus.FROZEN))
    assert ("duty-few", duty) in found(alone)


def test_a_duty_that_is_held_for_one_country_leaves_the_others_without():
    """Two who may approve in one country are nobody in the next."""
    world, _ = full(Permission.APPROVE)
    roles = {**world.network.roles}
    roles["security_officer"] = roles["security_officer"].model_copy(update={"per_country": True})
    assert ("duty-few", "approve") in found(sound(world.network.model_copy(update={"roles": roles})))


def test_a_network_without_members_waits():
    """Right after the first start there is nobody to hold a duty, and nobody to protect."""
    world = sound()
    rooms = tuple(
        replace(room, expected=frozenset(), members={world.accounts.warden: "join"}) for room in world.rooms
    )
    empty = replace(world, people=(), rooms=rooms)
    assert "duty-few" not in {rule for rule, _ in found(empty)}
