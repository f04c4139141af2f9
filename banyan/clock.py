"""The time, from this machine."""

from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock`."""

    def now(self) -> datetime:
        """The time in UTC, aware."""
        return datetime.now(UTC)
