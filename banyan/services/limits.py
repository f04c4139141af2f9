"""Token buckets: so many at once, refilled evenly."""

from datetime import datetime, timedelta
from functools import partial

from banyan.services.ports import Clock


class Bucket:
    """Lets `capacity` through in any `period`, roughly; kept in memory, full after a restart."""

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


class Buckets:
    """A bucket for each name. Only for names that we gave: unknown ones would fill the memory."""

    def __init__(self, capacity: int, period: timedelta, clock: Clock) -> None:
        self._make = partial(Bucket, capacity, period, clock)
        self._buckets: dict[str, Bucket] = {}

    def take(self, name: str) -> bool:
        """Take one of that name's; False when its bucket is empty."""
        if name not in self._buckets:
            self._buckets[name] = self._make()
        return self._buckets[name].take()
