"""Two persons: who is one of them, when it is done, when it is not, and that it happens once."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from banyan.domain.approvals import ProposalKind
from banyan.domain.effects import Actor
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import Refusal
from banyan.services.approvals import (
    ABOUT_YOU,
    COUNTED,
    ENOUGH,
    HOURLY,
    MOST,
    OWN,
    TOO_NEW,
    UNKNOWN,
    Approvals,
)
from banyan.services.freezing import Freezing

OFFICER, COORDINATOR = "security_officer", "coordinator"


@dataclass
class Deed:
    """A decision that remembers what became of it."""

    needs: Permission = Permission.ROLES
    room: str = room_key(RoomKind.STAFF, "security")
    lasts: timedelta = timedelta(hours=72)
    done: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    refuses: bool = False
    breaks_for: str = ""

    async def carry_out(self, _tx, proposal):
        if self.refuses:
            raise Refusal("No place is left.")
        self.done.append(proposal.id)

    async def drop(self, _tx, proposal, state):
        if proposal.id == self.breaks_for:
            raise Refusal("It is not there any more.")
        self.dropped.append((proposal.id, state.value))


@pytest.fixture
def deed():
    return Deed()


@pytest.fixture
def approvals(work, clock, ids, network, deed):
    return Approvals(work, clock, ids, network, {ProposalKind.ROLE: deed})


@pytest.fixture
async def people(members, roles, work, ids, rooms):
    """Pseudonym → what they hold; each has an account."""
    held = {
        "teal-otter": OFFICER,
        "calm-oar": OFFICER,
        "dry-fern": COORDINATOR,
        "amber-heron": None,
        "red-reed": None,
    }
    for name, role in held.items():
        ids.names.append(name)
        await members.arrived((await members.invite("KH")).user_id)
        async with work() as tx:
            if role:
                await roles.give(tx, await tx.members.by_localpart(name), role, by="operator")


@pytest.fixture
def propose(work, approvals, clock, people):
    async def propose(author="teal-otter", *, since=timedelta(days=9), **about):
        async with work() as tx:
            member = await tx.members.by_localpart(author) if author else None
            known = clock.now() - since
            proposal = await approvals.propose(
                tx, ProposalKind.ROLE, about, author="x", member=member, known_since=known
            )
        clock.forward(minutes=1)
        return proposal

    return propose


@pytest.fixture
def decide(work, approvals, clock):
    """Approve as somebody: how many are missing, or the text of the refusal."""

    async def decide(proposal, name, *, verb="approve", since=timedelta(days=9)):
        try:
            async with work() as tx:
                member = await tx.members.by_localpart(name)
                if verb == "refuse":
                    return await approvals.refuse(tx, proposal.code, member, by=name)
                known = None if since is None else clock.now() - since
                counted = await approvals.approve(tx, proposal.code, member, by=name, known_since=known)
                return counted.missing
        except Refusal as refusal:
            return refusal.text.template

    return decide


async def test_who_asked_is_one_of_the_two_if_they_may_decide(propose, decide, deed, decisions):
    """With an officer who asked, one more is enough; the log names both."""
    proposal = await propose("teal-otter")
    assert await decide(proposal, "calm-oar") == 0
    assert deed.done == [proposal.id]
    assert [(what, who) for what, who, _ in await decisions()][-2:] == [
        ("proposed", "x"),
        ("approved", "calm-oar"),
    ]


@pytest.mark.parametrize("author", ["amber-heron", None])
async def test_without_the_right_to_decide_two_others_are_needed(propose, decide, deed, author):
    """Somebody who may only ask, and a machine, count as nobody."""
    proposal = await propose(author)
    assert await decide(proposal, "teal-otter") == 1
    assert deed.done == []
    assert await decide(proposal, "dry-fern") == 0
    assert deed.done == [proposal.id]


async def test_nobody_counts_twice(propose, decide, deed):
    """Neither who asked nor who has approved before."""
    own = await propose("teal-otter")
    assert await decide(own, "teal-otter") == OWN
    machine = await propose(None)
    assert await decide(machine, "teal-otter") == 1
    assert await decide(machine, "teal-otter") == COUNTED
    assert deed.done == []


async def test_who_may_not_decide_learns_nothing(propose, decide, deed):
    """A member with the right digits hears what a member with wrong ones hears."""
    proposal = await propose("teal-otter")
    assert await decide(proposal, "amber-heron") == UNKNOWN
    assert await decide(proposal, "amber-heron", verb="refuse") == UNKNOWN
    assert deed.done == deed.dropped == []


@pytest.mark.parametrize("since", [timedelta(0), timedelta(minutes=1), None])
async def test_an_identity_first_seen_after_the_request_does_not_count(propose, decide, deed, since):
    """The homeserver could have made it up for the occasion."""
    proposal = await propose("teal-otter")
    assert await decide(proposal, "calm-oar", since=since) == TOO_NEW
    assert await decide(proposal, "calm-oar", since=timedelta(minutes=2)) == 0
    assert len(deed.done) == 1


@pytest.mark.parametrize(
    ("fate", "author"), [("role", "calm-oar"), ("role", None), ("frozen", "red-reed"), ("frozen", None)]
)
async def test_who_lost_the_right_no_longer_stands_behind_it(
    propose, decide, deed, work, clock, roles, network, accounts, fate, author
):
    """Between the first approval, or the asking, and the second."""
    proposal = await propose(author)
    if author != "calm-oar":
        assert await decide(proposal, "calm-oar") == 1
    async with work() as tx:
        loser = await tx.members.by_localpart("calm-oar")
        if fate == "role":
            await roles.take(tx, loser, OFFICER, by="operator")
        else:
            await Freezing(clock, network, accounts).freeze(tx, loser, by="x")
    assert await decide(proposal, "teal-otter") == 1
    assert deed.done == []
    assert await decide(proposal, "dry-fern") == 0
    assert deed.done == [proposal.id]


async def test_what_a_frozen_member_asked_for_is_void(
    propose, decide, deed, work, clock, approvals, network, accounts
):
    """Whoever holds their phone may have asked: no two others can carry it out, one approval there or not."""
    alone, backed, others = await propose("amber-heron"), await propose("amber-heron"), await propose(None)
    assert await decide(backed, "teal-otter") == 1
    async with work() as tx:
        author = await tx.members.by_localpart("amber-heron")
        await Freezing(clock, network, accounts).freeze(tx, author, by="x")
    for proposal in (alone, backed):
        for name in ("calm-oar", "dry-fern", "amber-heron"):
            assert await decide(proposal, name) == UNKNOWN
            assert await decide(proposal, name, verb="refuse") == UNKNOWN
    async with work.reading() as tx:
        assert await approvals.waiting(tx, await tx.members.by_localpart("calm-oar")) == [others]
    assert deed.done == []


async def test_a_void_request_is_ended_and_told_of_once(
    propose, work, clock, approvals, network, accounts, deed, decisions, effects
):
    """What it held is let go of within seconds, with an entry of its own, and no reminder follows."""
    proposal = await propose("amber-heron")
    async with work() as tx:
        author = await tx.members.by_localpart("amber-heron")
        await Freezing(clock, network, accounts).freeze(tx, author, by="x")
    await approvals.tend()
    clock.forward(hours=80)
    await approvals.tend()
    assert deed.dropped == [(proposal.id, "refused")]
    assert [kind for kind, _ in await effects(Actor.STEWARD)] == ["proposal", "proposal_over"]
    assert [what for what, _, _ in await decisions()][-2:] == ["member-frozen", "refused"]


async def test_nobody_decides_about_themselves(propose, decide, deed, work, approvals):
    """They neither ask, nor approve, nor stop it, nor find it in the list."""
    async with work.reading() as tx:
        otter = await tx.members.by_localpart("teal-otter")
    with pytest.raises(Refusal, match="about yourself"):
        await propose("teal-otter", member_id=otter.id)
    proposal = await propose("calm-oar", member_id=otter.id)
    assert await decide(proposal, "teal-otter") == ABOUT_YOU
    assert await decide(proposal, "teal-otter", verb="refuse") == ABOUT_YOU
    async with work.reading() as tx:
        assert await approvals.waiting(tx, otter) == []
    assert await decide(proposal, "dry-fern") == 0
    assert len(deed.done) == 1


async def test_a_role_of_one_country_decides_there_only(propose, decide, deed, work, roles):
    """Focal points who may approve do so for their own area; elsewhere the request is unknown to them."""
    deed.needs = Permission.ROOMS
    async with work() as tx:
        await roles.give(tx, await tx.members.by_localpart("amber-heron"), "focal_point", by="operator")
    for areas in (["LA"], ["KH", "LA"]):
        assert await decide(await propose(None, areas=areas), "amber-heron") == UNKNOWN
    assert await decide(await propose(None, areas=["KH"]), "amber-heron") == 1


async def test_after_its_time_it_is_over(propose, decide, deed, clock, approvals):
    """To the second, before anybody has tended it and after."""
    proposal = await propose("teal-otter")
    clock.forward(hours=72, minutes=-1, seconds=-1)
    other = await propose("teal-otter")
    assert await decide(proposal, "calm-oar") == UNKNOWN
    await approvals.tend()
    assert await decide(proposal, "calm-oar") == UNKNOWN
    assert await decide(proposal, "calm-oar", verb="refuse") == UNKNOWN
    assert deed.dropped == [(proposal.id, "expired")]
    assert await decide(other, "calm-oar") == 0


@pytest.mark.parametrize("who", ["calm-oar", "teal-otter"])
async def test_one_refusal_ends_it_for_good(propose, decide, deed, who):
    """By somebody who may decide, or by who asked."""
    proposal = await propose("teal-otter")
    await decide(proposal, who, verb="refuse")
    for name in ("calm-oar", "dry-fern"):
        assert await decide(proposal, name) == UNKNOWN
    assert await decide(proposal, "calm-oar", verb="refuse") == UNKNOWN
    assert deed.dropped == [(proposal.id, "refused")]
    assert deed.done == []


async def test_what_cannot_be_done_counts_nobody_and_waits(propose, decide, deed, decisions):
    """The obstacle gone, the same person approves again and it is done."""
    proposal = await propose("teal-otter")
    deed.refuses = True
    assert await decide(proposal, "calm-oar") == "No place is left."
    assert "approved" not in [what for what, _, _ in await decisions()]
    deed.refuses = False
    assert await decide(proposal, "calm-oar") == 0


async def test_two_at_the_same_time_do_it_once(propose, decide, deed):
    """Three persons type at once: one completes it, for the others it is over."""
    proposal = await propose(None)
    came = await asyncio.gather(*(decide(proposal, name) for name in ("teal-otter", "calm-oar", "dry-fern")))
    assert sorted(map(str, came)) == ["0", "1", UNKNOWN]
    assert deed.done == [proposal.id]


async def test_it_is_reminded_of_once_and_ended_once(propose, approvals, clock, effects, deed, decisions):
    """However often the timer comes; who decided is not reminded."""
    proposal = await propose("teal-otter")
    said = []
    for hours in (35, 1, 1, 34, 1, 1):
        clock.forward(hours=hours)
        await approvals.tend()
        await approvals.tend()
        said.append([kind for kind, _ in await effects(Actor.STEWARD)])
    shown, reminded, over = "proposal", "proposal_waits", "proposal_over"
    assert said == [[shown], *[[shown, reminded]] * 3, *[[shown, reminded, over]] * 2]
    assert deed.dropped == [(proposal.id, "expired")]
    assert [what for what, _, _ in await decisions()].count("proposal-expired") == 1


async def test_one_that_cannot_be_ended_does_not_hold_up_the_others(propose, approvals, clock, deed):
    """What went wrong with it is logged, and the next one ends."""
    broken, sound = await propose("teal-otter"), await propose("teal-otter")
    deed.breaks_for = broken.id
    clock.forward(hours=73)
    await approvals.tend()
    assert deed.dropped == [(sound.id, "expired")]


async def test_one_person_cannot_fill_the_digits(propose):
    """A stolen phone must not make so many requests that no digits are left for others."""
    found = [await propose("teal-otter") for _ in range(MOST)]
    assert len({proposal.code for proposal in found}) == MOST
    with pytest.raises(Refusal, match=str(MOST)) as refused:
        await propose("teal-otter")
    assert refused.value.text.template == ENOUGH
    await propose("calm-oar")
    await propose(None)


async def test_it_runs_out_with_what_it_is_about(work, approvals, clock, people):
    """An alert that is valid for an hour is not decided about for three days."""
    soon = clock.now() + timedelta(hours=1)
    async with work() as tx:
        proposal = await approvals.propose(tx, ProposalKind.ROLE, {}, author="x", until=soon)
    assert proposal.expires == soon


async def test_before_the_room_exists_nothing_is_said(work, approvals, effects):
    """A network that is still growing: the request waits, and `waiting` shows it."""
    async with work() as tx:
        await approvals.propose(tx, ProposalKind.ROLE, {}, author="x")
    assert await effects(Actor.STEWARD) == []


async def test_digits_of_a_request_that_is_over_are_not_soon_used_again(
    propose, decide, ids, clock, approvals
):
    """Who answers an old request late must not stand behind another one."""
    codes = iter(["4821", "4821", "4822", "4821"])
    ids.code = lambda: next(codes)
    first = await propose("teal-otter")
    await decide(first, "calm-oar", verb="refuse")
    assert (await propose("teal-otter")).code == "4822"
    clock.forward(days=11)
    await approvals.tend()
    assert (await propose("teal-otter")).code == "4821"


async def test_an_identity_just_made_does_not_stand_behind_what_it_asks_for(propose, decide):
    """Whoever holds the server could have made it for this: two others are needed."""
    proposal = await propose("teal-otter", since=timedelta(minutes=59))
    assert await decide(proposal, "calm-oar") == 1


async def test_nobody_rings_the_staff_all_night(propose, work, approvals, people, clock):
    """Requests that were ended count too; an hour later there is room again."""
    for _ in range(HOURLY):
        proposal = await propose("teal-otter")
        async with work() as tx:
            await approvals.refuse(tx, proposal.code, await tx.members.by_localpart("teal-otter"), by="x")
    with pytest.raises(Refusal, match="within an hour"):
        await propose("teal-otter")
    await propose("calm-oar")
    clock.forward(hours=1)
    await propose("teal-otter")
