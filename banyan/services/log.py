"""Reading the log of decisions and checking it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from banyan.domain.log import Checkpoint, Entry, Opening
from banyan.domain.notes import PublicKey
from banyan.domain.proof import Doubt, Step, Verdict, examine
from banyan.services.ports import Work


@dataclass(frozen=True)
class Book:
    """All of the log as it was at one moment: a checkpoint signed later covers what is not here."""

    entries: Sequence[Entry]
    checkpoints: Sequence[Checkpoint]
    openings: Mapping[int, Sequence[Opening]]

    @property
    def notes(self) -> list[str]:
        """The checkpoints as they were signed."""
        return [each.note for each in self.checkpoints]

    def examine(
        self,
        keys: Sequence[PublicKey],
        held: Iterable[str] = (),
        step: Step = lambda _done, _of: None,
    ) -> Verdict:
        """Check every entry from the first to the last, against checkpoints held outside and our own."""
        verdict = examine(self.entries, held, self.notes, keys, step)
        doubts = [
            Doubt("opening", entry.seq)
            for entry in self.entries[: len(verdict.leaves)]
            if entry.seq in self.openings and not _fits(entry, self.openings[entry.seq])
        ]
        return replace(verdict, doubts=(*verdict.doubts, *doubts))


class DecisionLog:
    """The log, for those who read it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def entries(self, after: int = 0) -> Sequence[Entry]:
        """Entries with a higher number than `after`, in order."""
        async with self._work.reading() as tx:
            return await tx.log.all(after)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Those that we keep ourselves, the smallest first."""
        async with self._work.reading() as tx:
            return await tx.checkpoints.all()

    async def book(self) -> Book:
        """All of it at once."""
        async with self._work.reading() as tx:
            return Book(await tx.log.all(), await tx.checkpoints.all(), await tx.log.openings())


def _fits(entry: Entry, openings: Sequence[Opening]) -> bool:
    said = json.loads(entry.body).get("commitments", {})
    try:
        return all(said.get(opening.field) == opening.commitment for opening in openings)
    except (ValueError, TypeError):  # a salt that is none: somebody wrote past us
        return False
