"""Audit and reconciler are two readings of one rulebook: they agree on every room that either would touch."""

import pytest

from homeserver.desired import desired
from homeserver.observe import ObservedRoom
from homeserver.reconcile import People, losses, mending, under
from policies.rules import BY_ID
from tests.policies.test_room_rules import CASES, HARMLESS, WORLD, state
from tests.policies.worlds import OURS, SPACE, judged

NOT_CHANGED = ("room-unguarded", "room-replaced")
"""Found, and frozen by the warden instead of being put right."""

APART = {
    "keeper still there",  # nobody but itself takes a creator out: `apply` has it leave
    "nothing pinned",  # says nothing, and is emptied once all the same
    "an address taken back",
}
"""Where they may differ."""

LOOKED_AT = {case: world for case, (_, world, *_) in CASES.items()} | HARMLESS
LOOKED_AT |= {
    "as it ought to be": WORLD,
    "a join rule that counts for nothing": state("m.room.join_rules", {"join_rule": "public"}, state_key="x"),
    "a ban list": state("m.policy.rule.user", {"entity": "@bad:a.b"}, state_key="rule"),
    "a space encrypted in another way": state("m.room.encryption", {"algorithm": "x"}, SPACE),
}


def touched(world):
    """Keys of the rooms that the warden would change, or that it cannot put right."""
    there = {room.declared.key: room for room in world.rooms if room.declared}
    powers = {key: room.powers for key, room in there.items()}
    frozen = {key for key, room in there.items() if room.frozen}
    rooms = desired(world.network, OURS, "mark of {}".format, powers, frozen=frozen, cut=world.cut)
    wanted = {room.key: room for room in rooms}
    ids = {key: room.room_id for key, room in there.items()}
    for key, facts in there.items():
        found = ObservedRoom(facts.room_id, facts.creator, 0, facts.state, facts.members)
        children = under(wanted, key, ids)
        changes = mending(wanted[key], found, OURS, facts.parent_id, People(facts.expected), children)
        if [*changes] or losses(wanted[key], found, OURS):
            yield key


@pytest.mark.parametrize("case", sorted(LOOKED_AT.keys() - APART))
def test_what_one_finds_the_other_touches(case):
    """A finding that is said to be put right is; and what is put right was found."""
    world = LOOKED_AT[case]
    declared = {room.name for room in world.rooms if room.declared}
    told = {
        each.subject.name
        for each in judged(world).findings
        if each.rule in BY_ID and (BY_ID[each.rule].repaired or each.rule in NOT_CHANGED)
    }
    assert {*touched(world)} == told & declared
