"""When to wake up. What is done then is a service's business, and the database remembers what is due."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

Job = Callable[[], Awaitable[Any]]

logger = structlog.get_logger()


class Schedule:
    """Calls jobs again and again, each at most once at a time."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def every(self, interval: timedelta, name: str, job: Job) -> None:
        """Call the job when started and then at that interval. What it raises is logged and forgotten."""

        async def run() -> None:
            try:
                await job()
            except Exception as error:  # noqa: BLE001 - the next time may work
                logger.error("job-failed", job=name, error=type(error).__name__)  # noqa: TRY400

        self._scheduler.add_job(
            run,
            "interval",
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,  # after a long sleep of the machine it is late, but it is done
        )

    async def run(self) -> None:
        """Wake up until cancelled."""
        self._scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._scheduler.shutdown(wait=False)

    @property
    def running(self) -> bool:
        """Whether anybody is woken."""
        return bool(self._scheduler.running)
