"""Gatherings, answers and posts, on SQLite and on PostgreSQL."""

from datetime import timedelta

import pytest

from banyan.domain.gatherings import Rsvp
from banyan.domain.people import MemberStatus
from tests.fakes import NOON
from tests.gathering_samples import STARTS, gathering, person

HOUR = timedelta(hours=1)


@pytest.fixture
async def people(work):
    """Two who are asked, and nobody else."""
    both = person("heron"), person("otter")
    async with work() as tx:
        for each in both:
            await tx.members.add(each)
    return both


async def test_it_comes_back_as_it_was_added(work, people):
    """Every field, moments in UTC; nothing of an id that does not exist."""
    whole = gathering(remind=STARTS - HOUR, areas=("MM-1", "KH"))
    async with work() as tx:
        await tx.gatherings.add(whole)
        assert await tx.gatherings.get("g1") == whole
        assert await tx.gatherings.get("g2") is None


async def test_what_lies_ahead(work, people):
    """Begun and cancelled ones are left out; the next one comes first."""
    async with work() as tx:
        await tx.gatherings.add(gathering(id="later", starts=NOON + 2 * HOUR))
        await tx.gatherings.add(gathering(id="soon", starts=NOON + HOUR))
        await tx.gatherings.add(gathering(id="now", starts=NOON))
        await tx.gatherings.add(gathering(id="off"))
        await tx.gatherings.cancel("off")
        assert [each.id for each in await tx.gatherings.upcoming(NOON)] == ["soon", "later"]


async def test_due_once(work, people):
    """When its moment came, until it is noted; not before, not without one, not when cancelled."""
    async with work() as tx:
        await tx.gatherings.add(gathering(id="due", remind=NOON))
        await tx.gatherings.add(gathering(id="later", remind=NOON + HOUR))
        await tx.gatherings.add(gathering(id="never"))
        await tx.gatherings.add(gathering(id="off", remind=NOON, cancelled=True))
        assert [each.id for each in await tx.gatherings.due(NOON)] == ["due"]
        await tx.gatherings.set_reminded("due")
        assert await tx.gatherings.due(NOON) == []


async def test_the_latest_answer_counts(work, people):
    """One answer a person; a reaction taken back takes only its own answer with it."""
    heron, otter = people
    async with work() as tx:
        await tx.gatherings.add(gathering())
        await tx.gatherings.set_rsvp("g1", heron.id, Rsvp.YES, "$first")
        await tx.gatherings.set_rsvp("g1", heron.id, Rsvp.MAYBE, "$second")
        await tx.gatherings.set_rsvp("g1", otter.id, Rsvp.NO)
        assert await tx.gatherings.rsvps("g1") == {heron.id: Rsvp.MAYBE, otter.id: Rsvp.NO}
        await tx.gatherings.withdraw_rsvp("$second")  # the first is on their screen still
        assert await tx.gatherings.rsvps("g1") == {heron.id: Rsvp.YES, otter.id: Rsvp.NO}
        await tx.gatherings.withdraw_rsvp("$first")
        assert await tx.gatherings.rsvps("g1") == {otter.id: Rsvp.NO}
        await tx.gatherings.set_rsvp("g1", otter.id, Rsvp.YES, "$third")
        await tx.gatherings.set_rsvp("g1", otter.id, Rsvp.MAYBE)
        await tx.gatherings.withdraw_rsvp("$third")  # words took its place
        assert await tx.gatherings.rsvps("g1") == {otter.id: Rsvp.MAYBE}


async def test_who_is_frozen_is_not_counted(work, people):
    """What they answered before is worth nothing."""
    heron, otter = people
    async with work() as tx:
        await tx.gatherings.add(gathering())
        await tx.gatherings.set_rsvp("g1", heron.id, Rsvp.YES)
        await tx.gatherings.set_rsvp("g1", otter.id, Rsvp.YES)
        await tx.members.set_status(otter.id, MemberStatus.FROZEN)
        assert await tx.gatherings.rsvps("g1") == {heron.id: Rsvp.YES}


async def test_forgotten_with_every_answer(work, people):
    """Only what began before that moment; of it, nothing is left."""
    heron, _ = people
    async with work() as tx:
        await tx.gatherings.add(gathering(id="old", starts=NOON - HOUR))
        await tx.gatherings.add(gathering(id="new", starts=NOON))
        for each in ("old", "new"):
            await tx.gatherings.set_rsvp(each, heron.id, Rsvp.YES)
        assert await tx.gatherings.forget(NOON) == 1
        assert await tx.gatherings.get("old") is None
        assert await tx.gatherings.rsvps("old") == {}
        assert await tx.gatherings.rsvps("new") == {heron.id: Rsvp.YES}


async def test_posts(work):
    """An event speaks of one thing for good, until it is old enough."""
    async with work() as tx:
        await tx.posts.add("$1", "gathering:g1", NOON)
        await tx.posts.add("$1", "gathering:g2", NOON)
        await tx.posts.add("$2", "gathering:g2", NOON + HOUR)
        assert await tx.posts.subject_of("$1") == "gathering:g1"
        assert await tx.posts.subject_of("$3") is None
        assert await tx.posts.forget(NOON + HOUR) == 1
        assert await tx.posts.subject_of("$1") is None
        assert await tx.posts.subject_of("$2") == "gathering:g2"
