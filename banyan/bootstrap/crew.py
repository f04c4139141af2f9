"""Tasks that go on until the end, and who of them has fallen."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import structlog

from banyan.bootstrap.home import Parts
from banyan.services.outbox import Drain

log = structlog.get_logger()


class Crew:
    """Named tasks beside each other. One that falls is reported and takes nobody along."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fallen: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._tasks):
            await self.stop(name)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Let a piece of work go on until the end."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks[name] = task

    async def stop(self, name: str) -> None:
        """End one piece of work and wait until it has let go."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def fallen(self) -> frozenset[str]:
        """Names of those that ended although they should go on."""
        return frozenset(self._fallen)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            # the kind of error only: its text may quote what somebody wrote
            log.error("part-fallen", part=task.get_name(), why=type(error).__name__)
        self._fallen.add(task.get_name())


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do a piece of work; give it up, and return False, when told to stop before it is done."""
    doing, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((doing, told), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        for task in (doing, told):
            task.cancel()
        await asyncio.gather(doing, told, return_exceptions=True)


@asynccontextmanager
async def draining(parts: Parts, crew: Crew, drain: Drain) -> AsyncIterator[None]:
    """Let an actor's part of the outbox be carried out until the block ends."""
    parts.wakes.listen(drain)
    name = f"{drain.actor}-outbox"
    crew.start(name, drain.run())
    try:
        yield
    finally:
        await crew.stop(name)
