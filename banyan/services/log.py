"""Reading the log of decisions and checking it."""

from collections.abc import Sequence
from dataclasses import dataclass

from banyan.domain.log import Break, Entry, verify_chain
from banyan.services.ports import Work


@dataclass(frozen=True)
class Verdict:
    """What a check of the whole chain found."""

    entries: int
    head: str | None
    """Hash of the last entry: to be compared with one kept outside."""
    broken: Break | None


class DecisionLog:
    """The log, for those who read it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def entries(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a higher number than `after`, in order."""
        async with self._work.reading() as tx:
            return await tx.log.all(after)

    async def verify(self) -> Verdict:
        """Check every entry from the first to the last."""
        entries = await self.entries()
        return Verdict(len(entries), entries[-1].hash if entries else None, verify_chain(entries))
