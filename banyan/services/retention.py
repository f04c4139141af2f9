"""Erasing what has served its purpose."""

from datetime import timedelta

from banyan.services.ports import Clock, Work

ANSWERED = timedelta(days=7)
"""Far longer than the homeserver goes on repeating a transaction."""

EFFECTS = timedelta(days=30)
"""How long the status of an alert can be asked for."""

PROPOSALS = timedelta(days=30)
"""Longer than any waits. What was decided stays in the log."""

ROLL_CALLS = timedelta(days=30)
"""Answers say who was where in danger."""

GATHERINGS = timedelta(days=7)
"""After they began; who came to what is nobody's business then."""

AUDITS = timedelta(days=90)
"""Long enough to see whether a quarter's work helped; each says what members did wrong."""

REPAIRS = timedelta(days=1)
"""A fight is one within an hour; the log keeps what was put right."""

OPENINGS = timedelta(days=90)
"""Whom the log is about, once they are gone: long enough for whoever disputes what was decided."""


class Retention:
    """What is kept, and for how long."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def sweep(self) -> int:
        """Erase questions nobody answered, and everything that is old; how many rows."""
        now = self._clock.now()
        async with self._work() as tx:
            return sum(
                [
                    await tx.conversations.forget(now),
                    await tx.console.forget(now),
                    await tx.proposals.forget(now - PROPOSALS),
                    await tx.checkins.forget(now - ROLL_CALLS),
                    await tx.gatherings.forget(now - GATHERINGS),
                    await tx.posts.forget(now - GATHERINGS),
                    await tx.answered.forget(now - ANSWERED),
                    await tx.uses.forget(now - ANSWERED),
                    await tx.outbox.forget(now - EFFECTS),
                    await tx.audits.forget(now - AUDITS),
                    await tx.repairs.forget(now - REPAIRS),
                    await tx.log.shred(now - OPENINGS),
                ]
            )
