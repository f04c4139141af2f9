"""The brake: what one word decides, in which order it is carried out, and that nothing lifts it."""

import asyncio
from dataclasses import replace

import pytest

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import MemberStatus
from banyan.errors import IllegalMove, Refusal, TokenSpent
from banyan.services.freezing import UNDER_WAY, Freezing
from banyan.services.members import Join
from banyan.services.outbox import Wakes
from banyan.services.roles import Roles
from banyan.services.roster import LOOKS, Roster
from banyan.store import SqlWork
from tests.banyan.services.braking import BY, STEPS, World, admitted, draining, freeze, freezing, over
from tests.fakes import FakeIds, room_id
from tests.waiting import until

__all__ = ["freeze", "freezing"]


@pytest.fixture
async def member(members, rooms):
    """Somebody admitted, with nothing left to do for them: their effects are over."""
    return await admitted(members)


async def test_one_word_decides_everything_at_once(work, member, freeze, decisions, members):
    """The member is out of our books, and all that follows is written down, in the same unit of work."""
    subject = await freeze(member)
    (frozen,) = await members.list(MemberStatus.FROZEN)
    assert ("member-frozen", BY, {}) in await decisions()
    async with work.reading() as tx:
        effects = await tx.outbox.of_subject(subject)
    assert [effect.kind for effect in effects] == ["freeze", *STEPS]
    assert effects[-1].payload == {"user_id": member, "room_ids": None}
    assert subject == f"freeze:{frozen.id}"


async def test_the_steps_come_one_after_the_other(work, clock, member, freeze, freezing):
    """A locked account's device is told to keep what it has: so its sessions end first, whatever fails."""
    world = World()
    world.fails = {"end_sessions"}
    async with draining(work, clock, world):
        subject = await freeze(member)

        async def failed():
            clock.forward(minutes=1)
            async with work.reading() as tx:
                return (await tx.outbox.of_subject(subject))[1].attempts > 1

        await until(failed)
        assert world.done == ["freeze"]
        world.fails.clear()
        await until(over(work, freezing, subject, clock))
    assert world.done == ["freeze", *STEPS]


@pytest.mark.parametrize("dies_in", ["freeze", *STEPS])
async def test_killed_in_any_step_it_goes_on(work, clock, member, freeze, freezing, dies_in):
    """A step that was under way is done again, and none is left out."""
    reached, world = asyncio.Event(), World()

    async def dying(effect):
        if effect.kind == dies_in and effect.subject:
            reached.set()
            await asyncio.Event().wait()
        return await world(effect)

    async with draining(work, clock, dying):
        subject = await freeze(member)
        await asyncio.wait_for(reached.wait(), 10)
    assert dies_in not in world.done
    async with draining(work, clock, world):
        await until(over(work, freezing, subject))
    assert [kind for kind in world.done if kind != "freeze"] == STEPS


async def test_nothing_that_waits_for_the_member_holds_it_up(work, clock, member, freeze, freezing):
    """An admission to a room that is gone is tried for ever; the member's lane stands still."""
    world = World()
    world.fails = {"admit"}
    async with draining(work, clock, world):
        async with work() as tx:
            await tx.outbox.put(NewEffect(Actor.GATE, "admit", {}, lane=member))
        await until(over(work, freezing, await freeze(member)))


async def test_times_are_told_from_the_word_on(work, clock, member, freeze, freezing):
    """What is printed: how long after the word each step was done, nothing for those that are not."""
    world = World()
    world.fails = {"lock"}
    async with draining(work, clock, world):
        subject = await freeze(member)

        async def told():
            async with work.reading() as tx:
                return [(step.name, step.seconds) for step in await freezing.times(tx, subject)]

        async def two_steps():
            return (await told())[2][1] is not None

        await until(two_steps)
        soon = [("freeze", 0.0), ("end_sessions", 0.0), ("new_password", 0.0)]
        assert await told() == [*soon, ("lock", None), ("expel", None)]
        world.fails.clear()
        await until(over(work, freezing, subject, clock))
    assert (await told())[:3] == soon
    assert all(seconds >= 60 for _, seconds in (await told())[3:])


async def test_nothing_admits_a_frozen_member_again(
    work, member, freeze, members, ears, access, accounts, network, effects
):
    """Neither a join that is heard of, nor new rooms, nor a role, nor a restart of the gate."""
    await freeze(member)
    before = await effects(Actor.GATE)
    assert not await members.arrived(member)
    await ears.heard("t1", [Join(member, room_id("space:KH"))], ())
    await access.reallow()
    async with work() as tx:
        frozen = await tx.members.by_localpart(accounts.localpart(member))
        with pytest.raises(IllegalMove):
            await Roles(network, accounts).give(tx, frozen, "security_officer", by="operator")
        with pytest.raises(IllegalMove):
            await tx.members.set_status(frozen.id, MemberStatus.ADMITTED)
    assert await effects(Actor.GATE) == before
    projection = await access.projection()
    assert member not in {user_id for user_id, _ in projection.allow}
    assert projection.frozen == {member}


async def test_an_invitation_is_void(work, members, freeze, access, clock, rooms):
    """The link says that it is over, the gate is told at once, and the minute's registration is ended too."""
    invited = await members.invite("KH")
    subject = await freeze(invited.user_id)
    with pytest.raises(TokenSpent):
        await members.look(invited.token)
    with pytest.raises(TokenSpent):
        await members.register(invited.token, "a long enough passphrase", "en")
    projection = await access.projection()
    assert projection.tokens == ()
    clock.forward(hours=1000)
    assert await members.expire_due() == 0
    async with work.reading() as tx:
        told, first, *_ = await tx.outbox.of_subject(subject)
        again = [
            effect
            for effect in await tx.outbox.due(Actor.REGISTRAR, told.queued + UNDER_WAY, 99)
            if effect.kind == "end_sessions"
        ]
        at_once = await tx.outbox.due(Actor.REGISTRAR, told.queued, 99)
    assert told.kind == "freeze"
    assert [effect.subject for effect in again] == [None]
    assert "end_sessions" not in {effect.kind for effect in at_once}, (
        "before the gate knows, a new one may come"
    )
    assert first.kind == "end_sessions"


async def test_an_invitation_that_is_over_cannot_be_frozen(members, freeze, clock, rooms):
    """There is nothing to stop, and who asks is told so."""
    invited = await members.invite("KH")
    clock.forward(hours=1000)
    await members.expire_due()
    with pytest.raises(Refusal, match="run out"):
        await freeze(invited.user_id)


async def test_the_same_word_again_changes_nothing(member, freeze, decisions, effects):
    """Two officers say it within a second: one freeze, one entry, the same times for both."""
    subject = await freeze(member)
    before = await effects(Actor.REGISTRAR), await decisions()
    assert await freeze(member, by="security_officer:pale-heron") == subject
    assert (await effects(Actor.REGISTRAR), await decisions()) == before


async def test_who_came_back_by_the_back_door_is_put_out_again(work, member, freeze, effects, clock):
    """Once all of it is done, the word ends whatever somebody gave them since, with times of its own."""
    subject = await freeze(member)
    async with work() as tx:
        for step in await tx.outbox.of_subject(subject):
            await tx.outbox.done(step.id, clock.now(), {})
    again = await freeze(member)
    assert again != subject
    async with work.reading() as tx:
        kinds = [step.kind for step in await tx.outbox.of_subject(again)]
    assert kinds == ["end_sessions", "new_password", "lock", "expel"]
    assert await freeze(member) == again


async def test_one_person_cannot_freeze_everybody(members, freeze, network, clock, rooms):
    """A stolen phone of the security staff; a colleague's goes on, and so does theirs after a whole hour."""
    limit = network.limits.freezes_per_hour
    people = [await admitted(members, "KH") for _ in range(limit + 2)]
    for user_id in people[:limit]:
        await freeze(user_id)
    clock.forward(minutes=59)
    with pytest.raises(Refusal, match="colleague"):
        await freeze(people[limit])
    assert len(await members.list(MemberStatus.FROZEN)) == limit
    await freeze(people[limit], by="security_officer:pale-heron")
    clock.forward(minutes=1)
    await freeze(people[limit + 1])


async def test_a_restart_lets_nobody_freeze_more(members, freeze, work, network, accounts, clock, rooms):
    """The books count."""
    people = [await admitted(members, "KH") for _ in range(network.limits.freezes_per_hour + 1)]
    for user_id in people[:-1]:
        await freeze(user_id)
    started_anew = Freezing(clock, network, accounts)
    async with work.reading() as tx:
        last = await tx.members.by_localpart(people[-1][1:].partition(":")[0])
    with pytest.raises(Refusal, match="colleague"):
        async with work() as tx:
            await started_anew.freeze(tx, last, by=BY)


async def test_a_refusal_elsewhere_leaves_the_member_as_they_were(work, member, freezing, members):
    """All or nothing."""

    async def broken():
        async with work() as tx:
            (there,) = await tx.members.all(MemberStatus.ADMITTED)
            await freezing.freeze(tx, there, by=BY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    assert await members.list(MemberStatus.FROZEN) == []


async def test_no_key_for_them_from_the_word_on(work, clock, accounts, network, member, freezing):
    """In this process with the commit itself; in another within a second."""
    wakes, seconds = Wakes(), [0.0]
    ours = SqlWork(work._engine, clock, FakeIds("ours"), wakes)
    here = Roster(ours, accounts, network, lambda: 0.0)
    elsewhere = Roster(work, accounts, network, lambda: seconds[0])
    wakes.listen(here)
    alert = room_id("alert:KH")
    assert await here.allowed(alert) == await elsewhere.allowed(alert) == {member}
    async with ours() as tx:
        (there,) = await tx.members.all(MemberStatus.ADMITTED)
        await freezing.freeze(tx, replace(there), by=BY)
    assert await here.allowed(alert) == frozenset()
    seconds[0] = LOOKS
    assert await elsewhere.allowed(alert) == frozenset()


async def test_thirty_rooms_look_once(work, accounts, network, member, monkeypatch):
    """An alarm must not ask the books for every room."""
    roster = Roster(work, accounts, network, lambda: 10.0)
    looks = []
    look = roster._look

    async def counted():
        looks.append(1)
        await look()

    monkeypatch.setattr(roster, "_look", counted)
    await asyncio.gather(*(roster.allowed(room_id("alert:KH")) for _ in range(30)))
    assert len(looks) == 1
