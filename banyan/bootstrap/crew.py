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
        self._tasks[name] = asyncio.create_task(self._watch(name, work), name=name)

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

    async def _watch(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it was, the others go on and /health says so
            # the kind of error only: its text may quote what somebody wrote
            log.error("part-fallen", part=name, why=type(error).__name__)  # noqa: TRY400
        self._fallen.add(name)


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
