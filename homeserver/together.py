"""A few things at a time."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

AT_ONCE: Final = 4
"""Requests at a time: beyond that Synapse gains next to nothing (one thread, and the disk)."""

T = TypeVar("T")


async def together(jobs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run jobs, `AT_ONCE` at a time, and return their results in order.

    The first failure stops the others and is raised as it is.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(job: Coroutine[Any, Any, T]) -> T:
        async with slots:
            return await job

    waiting = list(jobs)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(job)) for job in waiting]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        for job in waiting:
            job.close()  # one that never began would warn that nobody awaited it
    return [task.result() for task in tasks]
