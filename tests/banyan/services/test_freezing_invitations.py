"""What the brake does to those whom the frozen member wanted to let in."""

import asyncio
import json
from datetime import timedelta

import pytest

from banyan.domain.effects import Actor, EffectState
from banyan.domain.people import MemberStatus
from banyan.errors import TokenSpent
from banyan.services.freezing import INVITER_FROZEN, RECENT, UNDER_WAY
from banyan.services.members import token_hash
from tests.banyan.services.braking import (
    BY,
    PASSPHRASE,
    STEPS,
    World,
    admitted,
    draining,
    freeze,
    freezing,
)
from tests.waiting import until

__all__ = ["freeze", "freezing"]


@pytest.fixture
async def officer(members, rooms):
    """User id of who asks for invitations, and is frozen."""
    return await admitted(members)


@pytest.fixture
def invite(work, members, accounts):
    """An invitation that somebody asked for; without anybody, one of the operator's machine."""

    async def invite(asked_by=None):
        async with work() as tx:
            asker = asked_by and await tx.members.by_localpart(accounts.localpart(asked_by))
            return await members.write_invitation(
                tx, "LA", by="two-persons", asked_by=asker.id if asker else None
            )

    return invite


@pytest.fixture
def statuses(members, accounts):
    """How those with these invitations stand."""

    async def statuses(*invited):
        known = {accounts.member(each.localpart): each.status for each in await members.list()}
        return [known[each.user_id] for each in invited]

    return statuses


@pytest.fixture
def newcomers(work, freezing, accounts):
    """Pseudonyms: of whom somebody wanted to let in and nobody has come as, and of who joined lately."""

    async def newcomers(user_id):
        async with work.reading() as tx:
            found = await freezing.newcomers(tx, await tx.members.by_localpart(accounts.localpart(user_id)))
        return [[accounts.member(one.localpart) for one in some] for some in (found.awaited, found.joined)]

    return newcomers


async def reasons(work) -> list[tuple[str, str]]:
    """Who froze, and why, of every freeze in the log."""
    async with work.reading() as tx:
        bodies = [json.loads(entry.body) for entry in await tx.log.all()]
    return [(body["actor"], body["reason"]) for body in bodies if body["action"] == "member-frozen"]


async def test_links_told_on_a_seized_phone_are_void(
    work, members, officer, invite, freeze, access, statuses
):
    """At the join page and for the gate, from the word on; of nobody else, and each is in the log."""
    theirs = [await invite(officer), await invite(officer)]
    others = [await invite(await admitted(members)), await invite()]
    await freeze(officer)
    for invited in theirs:
        with pytest.raises(TokenSpent):
            await members.look(invited.token)
        with pytest.raises(TokenSpent):
            await members.register(invited.token, PASSPHRASE, "en")
    assert await statuses(*theirs, *others) == [MemberStatus.FROZEN] * 2 + [MemberStatus.INVITED] * 2
    projection = await access.projection()
    assert projection.frozen == {officer, *(each.user_id for each in theirs)}
    assert {each.token_hash for each in projection.tokens} == {token_hash(each.token) for each in others}
    assert await reasons(work) == [(BY, ""), (BY, INVITER_FROZEN), (BY, INVITER_FROZEN)]


async def test_each_is_ended_as_any_invited_member_is(work, officer, invite, freeze, accounts):
    """The gate first, then the account, and once more when whoever was registering has one."""
    invited = await invite(officer)
    await freeze(officer)
    async with work.reading() as tx:
        member = await tx.members.by_localpart(accounts.localpart(invited.user_id))
        steps = await tx.outbox.of_subject(f"freeze:{member.id}")
        late = await tx.outbox.due(Actor.REGISTRAR, steps[0].queued + UNDER_WAY, 99)
        at_once = await tx.outbox.due(Actor.REGISTRAR, steps[0].queued, 99)
    assert [step.kind for step in steps] == ["freeze", *STEPS]
    assert {step.payload["user_id"] for step in steps} == {invited.user_id}

    def ends(effects):
        """How often their sessions end, without waiting for the gate."""
        theirs = [each for each in effects if each.payload.get("user_id") == invited.user_id]
        return [each.kind for each in theirs].count("end_sessions")

    assert (ends(at_once), ends(late)) == (0, 1)


async def test_who_registers_at_that_very_moment_is_not_admitted(
    members, registration, officer, invite, freeze, statuses, monkeypatch
):
    """The form was sent off before the word, and the homeserver makes the account after it."""
    invited = await invite(officer)
    register = registration.register

    async def slowly(*asked):
        await freeze(officer)
        await register(*asked)

    monkeypatch.setattr(registration, "register", slowly)
    await members.register(invited.token, PASSPHRASE, "en")
    assert await statuses(invited) == [MemberStatus.FROZEN]


async def test_they_take_nothing_from_the_limit(members, officer, invite, freeze, network, newcomers):
    """Whoever asked for a hundred is frozen with all of them, and four others after."""
    limit = network.limits.freezes_per_hour
    for _ in range(limit + 1):
        await invite(officer)
    people = [await admitted(members) for _ in range(limit - 1)]
    await freeze(officer)
    for user_id in people:
        await freeze(user_id)
    assert await newcomers(officer) == [[], []]
    assert len(await members.list(MemberStatus.FROZEN)) == limit + limit + 1


async def test_who_has_joined_is_told_of_and_left_in(
    members, officer, invite, freeze, statuses, newcomers, clock
):
    """They are vetted and may be in danger; a link may have been taken off the phone before the word."""
    early, out, late = [await invite(officer) for _ in range(3)]
    stranger = await invite()
    for each in (early, stranger):
        await members.arrived(each.user_id)
    clock.forward(seconds=1)
    for each in (out, late):
        await members.arrived(each.user_id)
    await freeze(out.user_id)
    clock.time += RECENT - timedelta(seconds=1)
    open_ = await invite(officer)
    assert await newcomers(officer) == [[open_.user_id], sorted([early.user_id, late.user_id])]
    clock.forward(seconds=1)
    assert await newcomers(officer) == [[open_.user_id], [late.user_id]]
    await freeze(officer)
    assert await statuses(early, late, open_) == [MemberStatus.ADMITTED] * 2 + [MemberStatus.FROZEN]
    assert await newcomers(officer) == [[], [late.user_id]]


async def test_what_ran_out_stays_as_it_is(members, officer, invite, freeze, statuses, clock):
    """There is nothing to stop, and the freeze of who asked goes through."""
    invited = await invite(officer)
    clock.forward(hours=1000)
    await members.expire_due()
    await freeze(officer)
    assert await statuses(invited) == [MemberStatus.EXPIRED]


async def test_the_word_again_voids_what_is_open_once(work, officer, invite, freeze, statuses):
    """However an invitation of somebody frozen came to be."""
    await freeze(officer)
    invited = await invite(officer)
    for _ in range(2):
        await freeze(officer)
    assert await statuses(invited) == [MemberStatus.FROZEN]
    assert await reasons(work) == [(BY, ""), (BY, INVITER_FROZEN)]


async def test_all_of_it_or_nothing(work, officer, invite, freezing, members, statuses, accounts):
    """A unit of work that fails at its end leaves the officer in, and every invitation good."""
    invited = await invite(officer)

    async def broken():
        async with work() as tx:
            member = await tx.members.by_localpart(accounts.localpart(officer))
            await freezing.freeze(tx, member, by=BY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await statuses(invited) == [MemberStatus.INVITED]
    assert (await members.look(invited.token)).language == "lo"
    assert await reasons(work) == []


class OneStep:
    """Lets one step of a freeze through; in the next one it would be killed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._free = True

    async def __call__(self, effect):
        if effect.subject is not None and effect.subject.startswith("freeze:"):
            if not self._free:
                await asyncio.Event().wait()
            self._free = False
        return await self._world(effect)


async def test_killed_between_any_two_steps_nothing_is_lost_or_repeated(
    work, clock, officer, invite, freeze, freezing, accounts
):
    """Fifteen steps of three members, and a kill after each."""
    people = [officer, (await invite(officer)).user_id, (await invite(officer)).user_id]
    await freeze(officer)

    async def left() -> int:
        found = []
        async with work.reading() as tx:
            for user_id in people:
                member = await tx.members.by_localpart(accounts.localpart(user_id))
                found += await tx.outbox.of_subject(f"freeze:{member.id}")
        return sum(each.state is EffectState.QUEUED for each in found)

    world, steps = World(), await left()
    assert steps == len(people) * len(["freeze", *STEPS])
    for rest in reversed(range(steps)):
        async with draining(work, clock, OneStep(world)):
            await until(lambda rest=rest: reached(left, rest), every=0.01)
    assert len(world.subjects) == steps
    for each in {subject for subject, _ in world.subjects}:
        assert (each, "freeze") in world.subjects
        assert [kind for subject, kind in world.subjects if subject == each and kind != "freeze"] == STEPS

    clock.time += UNDER_WAY
    async with draining(work, clock, world):
        await until(lambda: idle(work, clock), every=0.01)


async def reached(left, rest: int) -> bool:
    return await left() == rest


async def idle(work, clock) -> bool:
    """Whether nothing waits for either actor."""
    async with work.reading() as tx:
        return not any(
            [await tx.outbox.due(actor, clock.now(), 1) for actor in (Actor.GATE, Actor.REGISTRAR)]
        )
