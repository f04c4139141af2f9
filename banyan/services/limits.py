"""How often somebody may do something."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from banyan.services.ports import Clock, UnitOfWork


class Bucket:
    """Lets `capacity` through in any `period`, roughly. In memory: for what is counted before all else."""

    def __init__(self, capacity: int, period: timedelta, clock: Clock) -> None:
        self._capacity = capacity
        self._period = period
        self._clock = clock
        self._level = float(capacity)
        self._at: datetime = clock.now()

    def take(self) -> bool:
        """Take one; False when it is empty."""
        now = self._clock.now()
        # A clock that was set back must not empty the bucket.
        passed = max(now - self._at, timedelta())
        self._level = min(self._capacity, self._level + self._capacity * (passed / self._period))
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass(frozen=True)
class Limit:
    """So many in any time that long, for each name; written down, so that no restart gives more.

    Only for names that we gave: unknown ones would fill the database.
    """

    what: str
    most: int
    period: timedelta

    async def take(self, tx: UnitOfWork, name: str, now: datetime) -> bool:
        """Take one of that name's; False when there is none left. Undone with the unit of work."""
        if not await self.left(tx, name, now):
            return False
        await tx.uses.add(f"{self.what}:{name}", now)
        return True

    async def left(self, tx: UnitOfWork, name: str, now: datetime) -> bool:
        """Whether there is one left. What a clock that was ahead wrote counts no more once it is put back."""
        return await tx.uses.count(f"{self.what}:{name}", now - self.period, now) < self.most
