"""The small services: limits, health, retention, the log's reader."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.findings import Audit, Judgement
from banyan.domain.log import Action, Break, Entry, NewEntry
from banyan.services.health import Health
from banyan.services.limits import Bucket, Limit
from banyan.services.log import DecisionLog
from banyan.services.retention import ANSWERED, AUDITS, EFFECTS, REPAIRS, Retention


def test_a_bucket_fills_evenly(clock):
    """So many at once, then one for each part of the period; never more than its size."""
    bucket = Bucket(4, timedelta(minutes=1), clock)
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]
    clock.forward(seconds=15)
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.forward(hours=-1)
    assert not bucket.take()
    clock.forward(seconds=15)
    assert bucket.take()
    clock.forward(hours=9)
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]


async def test_a_limit_holds_in_any_period(work, clock):
    """For each name and each thing alone; in every process; a clock put back takes nothing away for long."""
    limit, other = Limit("a", 2, timedelta(hours=1)), Limit("b", 1, timedelta(hours=1))

    async def take(limit, name):
        async with work() as tx:
            return await limit.take(tx, name, clock.now())

    assert [await take(limit, name) for name in "xyx"] == [True] * 3
    clock.forward(minutes=59)
    assert [await take(Limit("a", 2, timedelta(hours=1)), name) for name in "xyy"] == [False, True, False]
    assert await take(other, "x")
    clock.forward(minutes=1)
    assert [await take(limit, name) for name in "xxxyy"] == [True, True, False, True, False]
    clock.forward(days=-30)
    assert [await take(limit, "x") for _ in range(3)] == [True, True, False]


async def test_what_was_undone_is_not_counted(work, clock):
    """A decision that failed may be tried again."""
    limit = Limit("a", 1, timedelta(hours=1))

    async def fail():
        async with work() as tx:
            await limit.take(tx, "x", clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with work() as tx:
        assert await limit.take(tx, "x", clock.now())


async def test_health_names_what_is_not_well():
    """A part that says no, raises or hangs is named; the others are asked all the same."""

    async def well():
        return True

    async def ill():
        return False

    async def broken():
        raise ConnectionError("a text from outside")

    async def hanging():
        await asyncio.Event().wait()

    checks = {"a": well, "b": ill, "c": broken, "d": hanging}
    with capture_logs() as logs:
        report = await Health(checks, patience=0.05).report()
    assert (report.ok, report.failing) == (False, ("b", "c", "d"))
    assert "a text from outside" not in str(logs)
    assert (await Health({"a": well}).report()).ok


async def test_retention(work, clock):
    """What was handled is forgotten after a week, what was done after a month, and never what waits."""
    async with work() as tx:
        await tx.answered.first("$event", clock.now())
        done = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        await tx.outbox.done(done, clock.now(), {})
    retention = Retention(work, clock)
    swept = []
    for wait in (ANSWERED, timedelta(seconds=1), EFFECTS - ANSWERED, timedelta(days=900)):
        clock.forward(seconds=wait.total_seconds())
        swept.append(await retention.sweep())
    assert swept == [0, 1, 1, 0]


async def test_audits_and_repairs_end(work, clock):
    """What an audit said of members is kept for a quarter, what was put right for a day."""
    async with work() as tx:
        await tx.audits.add(Audit("a", clock.now(), "daily", Judgement(()), 41, 7))
        await tx.repairs.add("!room:banyan.test", ["m.room.name"], clock.now())
    retention = Retention(work, clock)
    swept = []
    for wait in (
        REPAIRS,
        timedelta(seconds=1),
        AUDITS - REPAIRS - timedelta(seconds=1),
        timedelta(seconds=1),
    ):
        clock.forward(seconds=wait.total_seconds())
        swept.append(await retention.sweep())
    assert swept == [0, 1, 0, 1]


async def test_the_log_is_read_as_it_was_at_one_moment(work):
    """A whole log says how many entries and its head; from any entry on it can be read further."""
    log = DecisionLog(work)
    assert (await log.book()).examine([]).entries == 0
    async with work() as tx:
        for _ in range(3):
            last = await tx.log.append(NewEntry(Action.HOME_FOUNDED, "operator", "home"))
    verdict = (await log.book()).examine([])
    assert (verdict.entries, verdict.head, verdict.broken) == (3, last.hash, None)
    assert [entry.seq for entry in await log.entries(after=1)] == [2, 3]
    forged = replace(await log.book(), entries=[Entry(1, last.at, b"{}", "0" * 64)])
    assert forged.examine([]).broken == Break(1, "hash")


@pytest.mark.parametrize("count", [1, 3])
async def test_the_schedule_only_wakes(count):
    """A job is called at once and again, also after it failed; its text reaches no log."""
    from banyan.schedule import Schedule

    called = asyncio.Semaphore(0)

    async def job():
        called.release()
        raise ConnectionError("a text from outside")

    schedule = Schedule()
    schedule.every(timedelta(seconds=0.05), "sweep", job)
    with capture_logs() as logs:
        task = asyncio.create_task(schedule.run())
        async with asyncio.timeout(60):
            for _ in range(count):
                await called.acquire()
        assert schedule.running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not schedule.running
    assert {log["event"] for log in logs} == {"job-failed"}
    assert "a text from outside" not in str(logs)
