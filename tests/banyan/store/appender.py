"""A process of its own that appends to the log: `python appender.py URL COUNT NAME`."""

import asyncio
import sys

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.store.open import open_store
from banyan.store.work import SqlWork
from tests.fakes import FakeClock, FakeIds


async def main(url, count, name):
    engine = open_store(url)
    work = SqlWork(engine, FakeClock(), FakeIds(name))

    async def append():
        async with work() as tx:
            await tx.log.append(NewEntry(Action.HOME_FOUNDED, name, "home"))
            await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, lane=name))
        print("committed", flush=True)  # noqa: T201

    await asyncio.gather(*(append() for _ in range(count)))
    await engine.dispose()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
