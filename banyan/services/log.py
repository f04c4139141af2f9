"""Reading the log of decisions and checking it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from banyan.domain.log import Checkpoint, Entry, Opening
from banyan.domain.notes import PublicKey
from banyan.domain.proof import Doubt, Step, Verdict, examine
from banyan.services.ports import Work


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

    async def openings(self) -> Mapping[int, Sequence[Opening]]:
        """By the number of the entry: whom it is about, where that was not shredded."""
        async with self._work.reading() as tx:
            return await tx.log.openings()

    async def verify(
        self,
        keys: Sequence[PublicKey] | None = None,
        held: Iterable[str] = (),
        step: Step = lambda _done, _of: None,
    ) -> Verdict:
        """Check every entry from the first to the last, against checkpoints held outside and our own.

        Without keys it checks the chain alone.
        """
        entries = await self.entries()
        kept = [] if keys is None else [each.note for each in await self.checkpoints()]
        verdict = examine(entries, held, kept, keys or (), step)
        named = await self.openings()
        doubts = [
            Doubt("opening", entry.seq)
            for entry in entries[: len(verdict.leaves)]
            if entry.seq in named and not _fits(entry, named[entry.seq])
        ]
        return replace(verdict, doubts=(*verdict.doubts, *doubts))


def _fits(entry: Entry, openings: Sequence[Opening]) -> bool:
    said = json.loads(entry.body).get("commitments", {})
    return all(said.get(opening.field) == opening.commitment for opening in openings)
