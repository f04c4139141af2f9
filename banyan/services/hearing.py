"""What the homeserver tells the warden: handled once, whoever it concerns, in one unit of work."""

from collections.abc import Sequence

from banyan.services.members import Join, Members
from banyan.services.ports import Clock, Work
from banyan.services.reconciling import Changed, Reconciling


class Ears:
    """Hears transactions."""

    def __init__(self, work: Work, clock: Clock, members: Members, reconciling: Reconciling) -> None:
        self._work = work
        self._clock = clock
        self._members = members
        self._reconciling = reconciling

    async def heard(self, transaction: str, joins: Sequence[Join], changes: Sequence[Changed]) -> None:
        """Admit who came, look where something changed; nothing when this transaction was handled before.

        What is only said costs no write: whoever floods a room must keep no alarm waiting.
        """
        if not (joins or changes):
            return
        async with self._work() as tx:
            if await tx.answered.first(transaction, self._clock.now()):
                await self._members.joined(tx, joins)
                await self._reconciling.changed(tx, changes)
