"""Gatherings by chat: announced with a preview, answered by digit or word, called off."""

from datetime import timedelta

import pytest

from banyan.domain.effects import Actor
from banyan.domain.gatherings import Rsvp


@pytest.fixture
async def host(stage):
    return await stage.member("teal-otter", "LA", "focal_point")


async def announced(work, clock):
    async with work.reading() as tx:
        return list(await tx.gatherings.upcoming(clock.now()))


async def test_one_line_is_enough(stage, host, work, clock):
    """Title, time and area in one line; only the reminder is asked for; then a yes."""
    (question,) = await stage.say("teal-otter", "gathering Evening tea 2026-11-24 19:00 LA")
    assert "remind" in question
    (preview,) = await stage.say("teal-otter", "໓")
    assert all(
        part in preview for part in ("Evening tea", "November 24, 2026, 19:00 (UTC+07:00)", "LA", "1 hour")
    )
    assert await announced(work, clock) == []
    await stage.say("teal-otter", "yes")
    (found,) = await announced(work, clock)
    assert (found.title, found.areas) == ("Evening tea", ("LA",))
    assert found.starts - found.remind == timedelta(hours=1)


async def test_asked_one_by_one(stage, host, work, clock):
    """Nothing but the word: each thing is asked for, a wrong one again; the only area is not asked for."""
    await stage.say("teal-otter", "gathering", in_="focal-points")
    await stage.say("teal-otter", "Evening, with songs", in_="focal-points")
    (again,) = await stage.say("teal-otter", "next blue moon", in_="focal-points")
    assert "did not understand when" in again
    (passed,) = await stage.say("teal-otter", "2026-11-21 19:00", in_="focal-points")
    assert "has passed" in passed
    (remind,) = await stage.say("teal-otter", "tomorrow 19:00", in_="focal-points")
    assert "5. No reminder" in remind
    await stage.say("teal-otter", "5", in_="focal-points")
    (stopped,) = await stage.say("teal-otter", "no", in_="focal-points")
    assert "Nothing was done" in stopped
    assert await announced(work, clock) == []


async def test_a_focal_point_gathers_their_own_country_only(stage, host, work, clock):
    """Another country is no choice, in one line as by number."""
    (said,) = await stage.say("teal-otter", "gathering “Evening tea” 2026-11-24 19:00 KH")
    assert "Reminder" not in said
    await stage.say("teal-otter", "stop")
    assert await announced(work, clock) == []


async def test_a_reminder_that_has_passed_is_refused_before_the_preview(stage, host, work, clock):
    """Nobody confirms what cannot happen."""
    await stage.say("teal-otter", "gathering Tea in 30 minutes")
    (refused,) = await stage.say("teal-otter", "1 day before")
    assert "too soon" in refused
    (preview,) = await stage.say("teal-otter", "10 minutes before")
    assert "Is this right" in preview


async def test_members_answer_and_change_their_minds(stage, host, work, clock, gatherings):
    """By number and by word, only for their own area."""
    await stage.member("amber-heron", "LA")
    await stage.member("calm-oar", "KH")
    for typed in ("gathering Tea tomorrow 19:00", "5", "1"):
        await stage.say("teal-otter", typed)
    (found,) = await announced(work, clock)
    assert "No gathering" in (await stage.say("calm-oar", "gatherings"))[0]
    (listed,) = await stage.say("amber-heron", "gatherings")
    assert "1. Tea, November 23" in listed
    for typed in ("1", "I will come"):
        await stage.say("amber-heron", typed)
    async with work.reading() as tx:
        assert (await gatherings.counts(tx, found.id))[Rsvp.YES] == 1
    for typed in ("meetings", "1", "2"):
        await stage.say("amber-heron", typed)
    async with work.reading() as tx:
        assert await gatherings.counts(tx, found.id) == {Rsvp.YES: 0, Rsvp.NO: 1, Rsvp.MAYBE: 0}


async def test_called_off(stage, host, work, clock):
    """By who may gather there; afterwards there is nothing to answer."""
    for typed in ("gathering Tea tomorrow 19:00", "5", "1", "cancel gathering", "1", "1"):
        await stage.say("teal-otter", typed)
    assert await announced(work, clock) == []
    kinds = [kind for kind, _ in await stage.effects(Actor.DESK)]
    assert "gathering_cancel_post" in kinds
