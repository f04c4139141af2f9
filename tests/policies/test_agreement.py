"""Audit and reconciler are two readings of one rulebook: they agree on every room that either would touch."""

from contextlib import suppress

import pytest

from banyan.domain.plan import Seat
from banyan.matrix import MatrixError
from homeserver.desired import desired
from homeserver.observe import ObservedRoom
from homeserver.reconcile import People, losses, mending, under
from homeserver.steps import Steps
from policies.rooms import HELPER
from policies.rules import BY_ID, RULES
from tests.homeserver.fake import MEMBER, FakeHomeserver, FakeRoom
from tests.policies.test_room_rules import CASES, HARMLESS, WORLD, levels, state
from tests.policies.worlds import (
    ALERT,
    OURS,
    SPACE,
    TALK,
    judged,
    room,
    with_member,
    with_room,
    with_state,
)

NOT_CHANGED = ("room-unguarded", "room-replaced", "power-shared")
"""Found, and beyond the warden: it tells the staff instead of putting it right."""

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


def rooms_of(world):
    return [room for room in world.rooms if room.declared]


def wanted_of(world):
    """What the rooms ought to be."""
    there = {room.declared.key: room for room in rooms_of(world)}
    powers = {key: room.powers for key, room in there.items()}
    frozen = {key for key, room in there.items() if room.frozen}
    rooms = desired(world.network, OURS, "mark of {}".format, powers, frozen=frozen, cut=world.cut)
    return {room.key: room for room in rooms}


def differing(world, facts, wanted):
    """What the warden would change in one room, and what it cannot put right."""
    ids = {room.declared.key: room.room_id for room in rooms_of(world)}
    key, found = facts.declared.key, ObservedRoom(facts.room_id, facts.creator, 0, facts.state, facts.members)
    children = under(wanted, key, ids)
    changes = mending(wanted[key], found, OURS, facts.parent_id, People(facts.expected), children)
    return [*changes], losses(wanted[key], found, OURS)


def touched(world):
    """Keys of the rooms that the warden would change, or that it cannot put right."""
    wanted = wanted_of(world)
    return {facts.declared.key for facts in rooms_of(world) if any(differing(world, facts, wanted))}


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
    assert touched(world) == told & declared


# what is offered


async def after_the_warden(world):
    """The world when the warden has done what it may do, on a homeserver that knows who may do what."""
    fake, wanted = FakeHomeserver(OURS), wanted_of(world)
    fake.keeper_is_here = False
    for facts in rooms_of(world):
        state = {**facts.state} | {(MEMBER, who): {"membership": how} for who, how in facts.members.items()}
        fake.rooms[facts.room_id] = FakeRoom(facts.creator, 0, state)
    ids = {facts.declared.key: facts.room_id for facts in rooms_of(world)}
    steps = Steps(fake, OURS, wanted.values(), ids, record=None)
    for facts in rooms_of(world):
        for change in differing(world, facts, wanted)[0]:
            if isinstance(change, Seat) and change.user_id == OURS.warden:
                continue  # only the keeper asks it in
            with suppress(MatrixError):
                await steps.do(change)
        room = fake.rooms[facts.room_id]
        there = {where: content for where, content in room.state.items() if where[0] != MEMBER}
        members = {who: room.membership(who) for kind, who in room.state if kind == MEMBER}
        world = with_room(world, facts.name, state=there, members=members)
    return world


def said(world):
    """Rule and room of what is said to be put right by the warden, and of what only the keeper can."""
    names = {room.name for room in rooms_of(world)}
    findings = [each for each in judged(world).findings if each.subject.name in names]
    repaired = [each for each in findings if each.rule in BY_ID and BY_ID[each.rule].repaired]
    return [
        {(each.rule, each.subject.name) for each in repaired if each.needs_keeper is keeper}
        for keeper in (False, True)
    ]


BEYOND = {
    "an equal, and a name": with_state(CASES["a person at 100"][1], TALK, "m.room.name", {"name": "x"}),
    "an equal elsewhere": with_state(CASES["a person at 100"][1], ALERT, "m.room.name", {"name": "x"}),
    "a bot at 100, and levels": with_state(
        CASES["a bot at 100"][1],
        ALERT,
        "m.room.power_levels",
        {**room(CASES["a bot at 100"][1], ALERT).content("m.room.power_levels"), "invite": 0},
    ),
    "without the warden, and guests": with_state(
        CASES["warden gone"][1], TALK, "m.room.guest_access", {"guest_access": "can_join"}
    ),
    "the warden at 50": levels(users={OURS.warden: HELPER}),
    "the keeper and a desk": with_member(CASES["keeper still there"][1], TALK, OURS.desk),
    "the keeper alone elsewhere": with_member(CASES["keeper still there"][1], ALERT, OURS.desk),
}
"""Where the warden has lost its power, or never had it."""


@pytest.mark.parametrize("case", sorted(LOOKED_AT | BEYOND))
async def test_what_is_said_to_be_put_right_is(case):
    """Nothing is offered that the warden cannot do; what only the keeper can do is still there afterwards."""
    world = (LOOKED_AT | BEYOND)[case]
    offered, keepers = said(world)
    left, still = said(await after_the_warden(world))
    assert not offered & left
    assert keepers <= still


async def test_every_rule_that_is_repaired_was_tried():
    """Each of them is in one of the cases, and offered there."""
    tried = {rule for world in LOOKED_AT.values() for rule, _ in said(world)[0]}
    assert tried == {each.id for each in RULES if each.repaired}
