"""When audits are made: soon after the start, every morning, and when another process changed something."""

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from banyan.network import Network
from banyan.services.audit import WANTED, Audits
from banyan.services.ports import Clock, Work
from banyan.services.vigil import warn

SETTLED: Final = timedelta(seconds=30)
"""After the start: the bots come first, and what drifted meanwhile is put right first."""

MORNING: Final = time(8)
"""In the zone of the staff."""

AGAIN: Final = timedelta(minutes=1)
"""After a look that failed."""

PATIENCE: Final = 3
"""Looks that may fail in a row before staff are told."""

BLIND: Final = "audit-blind"
"""What the steward is told to warn of."""

logger = structlog.get_logger()


class Rounds:
    """Asks for audits when they are due. Call `tend` every few seconds."""

    def __init__(
        self,
        audits: Audits,
        work: Work,
        clock: Clock,
        network: Network,
        back: Callable[[], Awaitable[bool]],
    ) -> None:
        """`back` says whether another network file was applied: by ours, its rooms would be wrong."""
        self._audits = audits
        self._back = back
        self._work = work
        self._clock = clock
        self._zone = ZoneInfo(network.regional.time_zone)
        self._next = clock.now() + SETTLED
        self._cause = "start"
        self._served: str | None = None
        self._blind = 0

    async def tend(self) -> None:
        """Make an audit if one is due."""
        async with self._work.reading() as tx:
            wanted = await tx.noted.get(WANTED)
        if self._clock.now() >= self._next:
            await self._audit(self._cause, wanted)
        elif wanted != self._served and self._cause == "daily" and not self._blind and not await self._back():
            await self._audit("apply", wanted)

    async def _audit(self, cause: str, wanted: str | None) -> None:
        now = self._clock.now()
        try:
            audit = await self._audits.run(cause)
        except Exception as error:  # noqa: BLE001 - whatever it was: nobody knows whether the rules are kept
            self._blind += 1
            self._next = now + AGAIN
            logger.warning(BLIND, why=type(error).__name__, failures=self._blind)
            if self._blind >= PATIENCE:
                await self._warn(now)
            return
        logger.info("audited", cause=cause, findings=len(audit.judgement.findings))  # counts without ids
        # what was noted before this audit looked is covered by it, whatever it was made for
        self._blind, self._served = 0, wanted
        self._cause, self._next = "daily", self._morning_after(now)

    def _morning_after(self, now: datetime) -> datetime:
        today = datetime.combine(now.astimezone(self._zone), MORNING, self._zone)
        return today if today > now else today + timedelta(days=1)

    async def _warn(self, now: datetime) -> None:
        """Tell staff, at most once a day: nothing found is no good news when nothing was seen."""
        async with self._work() as tx:
            await warn(tx, BLIND, once=f"{BLIND}:{now:%Y-%m-%d}")
