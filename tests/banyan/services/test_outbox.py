"""The outbox engine: everything happens, in order, once, whatever dies in between."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from banyan.domain.effects import Actor, EffectState, NewEffect
from banyan.services.outbox import LONGEST_PAUSE, Drain, Never, Wakes, pause
from tests.fakes import NOON, Receiver
from tests.waiting import until

FOREVER = 3600.0
"""A poll that no test lives to see: what happens then was woken."""


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class CountingWork:
    """A store that counts its transactions, and dies at the k-th step when told to."""

    def __init__(self, work, dies_at=None):
        self._work = work
        self._dies_at = dies_at
        self.steps = 0
        self.written = 0

    def step(self):
        self.steps += 1
        if self._dies_at is not None and self.steps >= self._dies_at:
            raise Killed

    @asynccontextmanager
    async def __call__(self):
        self.step()
        async with self._work() as tx:
            yield Stepping(tx, self.step)
            self.step()
        self.written += 1
        self.step()

    @asynccontextmanager
    async def reading(self):
        self.step()
        async with self._work.reading() as tx:
            yield tx


class Stepping:
    """A unit of work each of whose outbox calls is a step."""

    def __init__(self, tx, step):
        self._tx = tx
        self._step = step
        self.outbox = self

    def __getattr__(self, name):
        call = getattr(self._tx.outbox, name)

        async def stepped(*args):
            self._step()
            return await call(*args)

        return stepped


@asynccontextmanager
async def draining(drain):
    """The engine at work, ended at the end."""
    task = asyncio.create_task(drain.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Killed):
            await task


async def put(work, *lanes, actor=Actor.ALARM, kind="alert", **more):
    async with work() as tx:
        return [await tx.outbox.put(NewEffect(actor, kind, {}, lane=lane, **more)) for lane in lanes]


async def settled(work, actor=Actor.ALARM):
    """When no row of the actor is queued any more."""

    async def idle():
        async with work.reading() as tx:
            return not (await tx.outbox.waiting())[actor]

    await until(idle, every=0.01)


def drain_of(work, handler, clock, **more):
    return Drain(work, Actor.ALARM, {"alert": handler}, clock, **more)


async def test_an_alert_goes_to_thirty_rooms_at_once(work, wakes, clock):
    """One transaction notes all attempts, then all are under way together; few more write the results."""
    counting = CountingWork(work)
    together = asyncio.Barrier(30)
    transactions_before = []

    async def send(effect):
        transactions_before.append(counting.written)
        await together.wait()
        return {"event_id": f"${effect.id}"}

    drain = drain_of(counting, send, clock, poll=FOREVER)
    wakes.listen(drain)
    async with draining(drain):
        sent = await put(work, *(f"!{number}" for number in range(30)), subject="alert")
        await settled(work)
    async with work.reading() as tx:
        effects = await tx.outbox.of_subject("alert")
    assert [effect.result["event_id"] for effect in effects] == [f"${one}" for one in sent]
    assert transactions_before == [1] * 30
    assert counting.written <= 5


async def test_rows_of_another_process_are_seen_by_looking(work, clock):
    """Without being woken the engine finds new rows within its poll."""
    receiver = Receiver()
    async with draining(drain_of(work, receiver, clock, poll=0.01)):
        (effect_id,) = await put(work, "!a")
        await settled(work)
    assert list(receiver.arrived) == [effect_id]


async def test_a_lane_keeps_its_order(work, wakes, clock):
    """Effects of one lane never overlap and never overtake; a slow lane holds no other up."""
    order = []
    slow = asyncio.Event()

    async def send(effect):
        order.append(("begin", effect.lane, effect.seq))
        if effect.lane == "!slow":
            await slow.wait()
        order.append(("end", effect.lane, effect.seq))
        return {}

    drain = drain_of(work, send, clock, poll=FOREVER)
    wakes.listen(drain)
    await put(work, "!slow", "!slow", "!quick", "!quick", "!quick")
    async with draining(drain):
        await until(lambda: len([step for step in order if step[:2] == ("end", "!quick")]) == 3)
        assert [step for step in order if step[1] == "!slow"] == [("begin", "!slow", 1)]
        slow.set()
        await settled(work)
    for lane, seqs in (("!slow", (1, 2)), ("!quick", (3, 4, 5))):
        wanted = [(when, lane, seq) for seq in seqs for when in ("begin", "end")]
        assert [step for step in order if step[1] == lane] == wanted


async def test_no_more_at_once_than_allowed(work, wakes, clock):
    """The homeserver is never asked for more at a time than `concurrency`, and all is done in the end."""
    running, most = 0, 0

    async def send(effect):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {}

    drain = drain_of(work, send, clock, concurrency=4, poll=FOREVER)
    await put(work, *(f"!{number}" for number in range(25)))
    async with draining(drain):
        await settled(work)
    assert most == 4


async def test_a_failure_is_tried_again_later(work, clock):
    """The pause doubles up to its cap, the id stays, the log names a reference and never the error's text."""
    receiver, failures = Receiver(), 3

    async def send(effect):
        nonlocal failures
        if failures:
            failures -= 1
            receiver.attempts.append(effect.id)
            raise ConnectionError("a text from outside")
        return await receiver(effect)

    counting = CountingWork(work)
    drain = drain_of(counting, send, clock, poll=0.002, device_id=lambda: "DEVICE")
    (effect_id,) = await put(work, "!a", subject="alert")
    with capture_logs() as logs:
        async with draining(drain):
            for tries, seconds in ((1, 1), (2, 2), (3, 4)):
                await until(lambda tries=tries: counting.written == 2 * tries)
                clock.forward(seconds=seconds - 0.01)
                looked = counting.steps
                await until(lambda looked=looked: counting.steps > looked + 5)
                assert len(receiver.attempts) == tries
                clock.forward(seconds=0.01)
            await settled(work)
    assert receiver.attempts == [effect_id] * 4
    async with work.reading() as tx:
        effect = await tx.outbox.get(effect_id)
    assert (effect.attempts, effect.first_attempt, effect.device_id) == (4, NOON, "DEVICE")
    assert "a text from outside" not in str(logs)
    assert {log["error"] for log in logs} == {"ConnectionError"}
    assert all(len(log["reference"]) == 4 for log in logs)
    assert pause(1000) == LONGEST_PAUSE


async def test_the_handler_knows_about_earlier_attempts(work, clock):
    """It sees how often, when first, and from which device, as it was before this attempt."""
    seen = []

    async def send(effect):
        seen.append((effect.attempts, effect.first_attempt, effect.device_id))
        if len(seen) == 1:
            raise ConnectionError
        return {}

    devices = iter(["FIRST", "SECOND"])
    counting = CountingWork(work)
    await put(work, "!a")
    async with draining(drain_of(counting, send, clock, poll=0.005, device_id=lambda: next(devices))):
        await until(lambda: counting.written == 2)
        clock.forward(minutes=5)
        await settled(work)
    assert seen == [(0, None, None), (1, NOON, "FIRST")]


async def test_what_can_never_happen_is_reported_and_gone(work, clock):
    """`Never` and a kind nobody handles are dead at once; the lane goes on without them."""
    receiver = Receiver()

    async def send(effect):
        if effect.seq == 1:
            raise Never("room-gone")
        return await receiver(effect)

    first, second = await put(work, "!a", "!a")
    (unknown,) = await put(work, "!b", kind="dance")
    with capture_logs() as logs:
        async with draining(drain_of(work, send, clock, poll=0.005)):
            await settled(work)
    assert list(receiver.arrived) == [second]
    async with work.reading() as tx:
        assert {(await tx.outbox.get(one)).state for one in (first, unknown)} == {EffectState.DEAD}
    assert {log["reason"] for log in logs} == {"room-gone", "no-handler"}


async def test_a_database_that_is_away_comes_back(work, clock):
    """Results that could not be written are written later; nothing is sent twice for it."""
    receiver = Receiver()

    class Flaky(CountingWork):
        def step(self):
            self.steps += 1
            if self.steps in {1, 2, 4, 7, 11, 16, 22, 29, 37}:
                raise ConnectionError

    await put(work, *(f"!{number}" for number in range(5)))
    with capture_logs() as logs:
        async with draining(drain_of(Flaky(work), receiver, clock, poll=0.002)):
            await settled(work)
    assert Counter(receiver.attempts) == dict.fromkeys(receiver.arrived, 1)
    assert len(receiver.arrived) == 5
    assert {log["event"] for log in logs} == {"outbox-unwritten"}


async def test_a_cancelled_handler_does_not_end_the_engine(work, clock):
    """A library that cancels the handler ends one attempt; the next one is made."""
    receiver = Receiver()

    async def send(effect):
        begun.append(effect.id)
        if not effect.attempts:
            asyncio.current_task().cancel()
            await asyncio.sleep(0)
        return await receiver(effect)

    await put(work, "!a")
    begun = []
    async with draining(drain_of(work, send, clock, poll=0.005)) as task:
        await until(lambda: begun)
        await until(lambda: receiver.arrived or clock.forward(seconds=1))
        assert not task.done()


async def test_ending_the_engine_ends_its_handlers(work, clock):
    """A stopped engine leaves nothing running, and the effect is there for the next one."""
    begun = asyncio.Event()

    async def send(effect):
        begun.set()
        await asyncio.Event().wait()

    await put(work, "!a")
    async with draining(drain_of(work, send, clock)):
        await begun.wait()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    receiver = Receiver()
    async with draining(drain_of(work, receiver, clock)):
        await settled(work)
    assert [effect.attempts for effect in receiver.arrived.values()] == [1]


async def run_until_killed(work, wakes, handler, clock):
    """One life of the engine: until it is killed, or there is nothing left to do."""
    drain = drain_of(work, handler, clock, poll=0.002)
    task = asyncio.create_task(drain.run())
    quiet = asyncio.create_task(settled(work._work))
    await asyncio.wait({task, quiet}, return_when=asyncio.FIRST_COMPLETED)
    killed = task.done()
    for one in (task, quiet):
        one.cancel()
        with suppress(asyncio.CancelledError, Killed):
            await one
    return killed


async def test_killed_at_any_step(work, wakes, clock):
    """The process dies at its k-th step, for every k, also right after an effect left: each arrives once."""
    dies_at, lives = 1, 0
    killed = True
    while killed:
        receiver = Receiver()
        rooms = ["!a", "!b"]
        sent = await put(work, *rooms, *rooms)
        counting = CountingWork(work, dies_at)

        async def send(effect, counting=counting, receiver=receiver):
            counting.step()
            result = await receiver(effect)
            counting.step()
            return result

        killed = await run_until_killed(counting, wakes, send, clock)
        clock.forward(minutes=5)
        await run_until_killed(CountingWork(work), wakes, receiver, clock)
        assert sorted(receiver.arrived) == sorted(sent)
        by_lane = {}
        for effect in receiver.arrived.values():
            by_lane.setdefault(effect.lane, []).append(effect.seq)
        assert all(seqs == sorted(seqs) for seqs in by_lane.values())
        dies_at, lives = dies_at + 1, lives + 1
    assert lives > 25


async def test_nothing_leaves_before_it_is_noted(work, clock):
    """When a handler runs, the database knows of the attempt already."""

    async def send(effect):
        async with work.reading() as tx:
            noted = await tx.outbox.get(effect.id)
        assert noted.attempts == effect.attempts + 1
        return {}

    await put(work, "!a", "!b")
    with capture_logs() as logs:
        async with draining(drain_of(work, send, clock, poll=0.005)):
            await settled(work)
    assert logs == []


async def test_only_the_addressed_drain_is_woken(clock):
    """A commit for the desk does not wake the alarm."""
    wakes, woken = Wakes(), []

    class Listening:
        def __init__(self, actor):
            self.actor = actor

        def notify(self):
            woken.append(self.actor)

    for actor in Actor:
        wakes.listen(Listening(actor))
    wakes(frozenset({Actor.DESK, Actor.GATE}))
    assert set(woken) == {Actor.DESK, Actor.GATE}


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_the_pause_doubles(attempts):
    assert pause(attempts + 1) == 2 * pause(attempts)


async def test_an_idle_engine_rests(work, wakes, clock):
    """Woken once it looks once: it does not go on asking the database."""
    counting = CountingWork(work)
    drain = drain_of(counting, Receiver(), clock, poll=FOREVER)
    wakes.listen(drain)
    async with draining(drain):
        await until(lambda: counting.steps == 1)
        drain.notify()
        await until(lambda: counting.steps == 2)
        for _ in range(10):
            await settled(work)
    assert counting.steps == 2
