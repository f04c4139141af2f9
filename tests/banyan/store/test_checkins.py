"""Roll calls, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.alerts import Alert, AlertState, Kind, Response, Severity, Status
from banyan.domain.checkins import Answer, Checkin, RollLine
from banyan.domain.people import MemberStatus
from tests.fakes import NOON
from tests.gathering_samples import person

FIRST = Alert(
    id="a1",
    sender="",
    identifier="a1",
    sent=NOON,
    expires=NOON + timedelta(hours=6),
    status=Status.ACTUAL,
    areas=("KH",),
    kind=Kind.RAID,
    severity=Severity.SEVERE,
    response=Response.AVOID,
    texts={},
    state=AlertState.QUEUED,
    received=NOON,
    addition="Two vans.",
)
SECOND = replace(FIRST, id="a2", identifier="a2", received=NOON + timedelta(hours=1))


@pytest.fixture
async def asked(work):
    """Two members who were asked after the first of two alerts."""
    both = person("heron"), person("otter")
    async with work() as tx:
        for each in both:
            await tx.members.add(each)
        for alert in (FIRST, SECOND):
            await tx.alerts.add(alert, alert.id)
        await tx.checkins.add(FIRST.id, [each.id for each in both])
    return both


async def test_an_alert_of_our_own_staff_comes_back_as_it_was(work, asked):
    """What they added too."""
    async with work.reading() as tx:
        assert await tx.alerts.get(FIRST.id) == FIRST


async def test_the_last_answer_counts(work, asked):
    """Expecting somebody again takes no answer away; nobody else is expected."""
    heron, otter = asked
    async with work() as tx:
        await tx.checkins.set_answer(FIRST.id, heron.id, Answer.SAFE, NOON)
        await tx.checkins.set_answer(FIRST.id, heron.id, Answer.HELP, NOON + timedelta(hours=1))
        await tx.checkins.add(FIRST.id, [heron.id, otter.id])
        answered = Checkin(FIRST.id, heron.id, Answer.HELP, NOON + timedelta(hours=1))
        assert await tx.checkins.get(FIRST.id, heron.id) == answered
        assert await tx.checkins.get(FIRST.id, otter.id) == Checkin(FIRST.id, otter.id)
        assert await tx.checkins.get(SECOND.id, heron.id) is None
        assert await tx.checkins.expected(FIRST.id) == {heron.id, otter.id}
        assert await tx.checkins.expected(SECOND.id) == set()


async def test_the_newest_alert_comes_first(work, asked):
    """For a member and for staff; an alert after which nobody was asked is left out."""
    heron, _ = asked
    async with work() as tx:
        assert await tx.checkins.called() == [FIRST.id]
        await tx.checkins.add(SECOND.id, [heron.id])
        assert await tx.checkins.called() == [SECOND.id, FIRST.id]
        assert [each.alert_id for each in await tx.checkins.of_member(heron.id)] == [SECOND.id, FIRST.id]


async def test_only_members_are_counted(work, asked):
    """Who was frozen meanwhile is left out."""
    heron, otter = asked
    async with work() as tx:
        await tx.checkins.set_answer(FIRST.id, heron.id, Answer.SILENT, NOON)
        expected = [RollLine("heron", "KH", Answer.SILENT), RollLine("otter", "KH", None)]
        assert await tx.checkins.answers(FIRST.id) == expected
        await tx.members.set_status(otter.id, MemberStatus.FROZEN)
        assert await tx.checkins.answers(FIRST.id) == expected[:1]


async def test_old_answers_are_erased(work, asked):
    """With everything that says who was asked; those of newer alerts stay."""
    heron, _ = asked
    async with work() as tx:
        await tx.checkins.add(SECOND.id, [heron.id])
        assert await tx.checkins.forget(NOON) == 0
        assert await tx.checkins.forget(NOON + timedelta(minutes=1)) == 2
        assert await tx.checkins.called() == [SECOND.id]
