"""Signing what the log is, and handing it out: what is held outside, nobody here can rewrite."""

from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from banyan.domain.log import SECURITY_DECISIONS, Action, Chain, Checkpoint, NewEntry
from banyan.domain.merkle import Tree
from banyan.domain.notes import Head, NotReadable, read_note
from banyan.services.ports import Clock, Notary, Work
from banyan.services.vigil import tell_security, warn

AT_LATEST = timedelta(hours=1)
"""How long what is routine waits for a checkpoint."""

SLICE = 100
"""Entries read at once: checking more would keep everybody else waiting."""

CHANGED = "log-changed"
"""Reason code of the warning."""

log = structlog.get_logger()


class Checkpoints:
    """Reads the log as it grows, and signs it: soon after a security decision, else once an hour.

    It signs nothing that does not follow from what was signed before. Every hour it starts from the first
    entry again, so a log that was changed on the disk is noticed within the hour: staff are
    told, and it signs no more.
    """

    def __init__(self, work: Work, clock: Clock, notary: Notary) -> None:
        self._work = work
        self._clock = clock
        self._notary = notary
        self._told = False
        self._flaw: str | None = None  # of what was read so far: all that follows has it too
        self._last: Checkpoint | None = None  # whoever deletes the kept ones does not make us forget it
        self._begin()

    async def tend(self) -> Checkpoint | None:
        """Read on, and sign when it is time. What was signed and kept, if anything."""
        if self._clock.now() - self._began >= AT_LATEST:
            self._begin()
        try:
            self._flaw = self._flaw or await self._read()
        except (ValueError, TypeError):
            self._flaw = "unreadable"  # somebody wrote into the table what we never write
        if self._flaw is None:
            return await self._sign()
        if not self._told:
            await self._tell(self._flaw)
            self._told = True  # only now: what was not written will be told again
        return None

    def _begin(self) -> None:
        self._began = self._clock.now()
        self._chain, self._tree = Chain(), Tree()
        self._decided = 0
        """Number of the last security decision."""
        self._flaw = None

    async def _read(self) -> str | None:
        """Read to the end; `broken`, `rewritten` or `shortened` when it is not what it was."""
        while True:
            async with self._work.reading() as tx:
                last = await tx.checkpoints.latest()
                entries = await tx.log.all(self._chain.size, SLICE)
            if last and (self._last is None or last.size > self._last.size):
                self._last = last
            for entry in entries:
                if self._chain.follow(entry):
                    return "broken"
                self._tree.append(bytes.fromhex(entry.hash))
                if self._chain.action in SECURITY_DECISIONS:
                    self._decided = self._chain.size
                if self._last and self._last.size == self._tree.size and not self._stands(self._last):
                    return "rewritten"
            if len(entries) < SLICE:
                return "shortened" if self._last and self._last.size > self._tree.size else None

    def _stands(self, last: Checkpoint) -> bool:
        try:
            note = read_note(last.note)
        except NotReadable:
            return False
        # Another key than ours may have signed it: it was changed since. What was signed must be the same.
        return note.head == Head(self._notary.key.name, self._tree.size, self._tree.root)

    async def _sign(self) -> Checkpoint | None:
        size, now, last = self._tree.size, self._clock.now(), self._last
        if not size or (last and (last.size >= size or not self._due(last, now))):
            return None
        note = self._notary.sign(Head(self._notary.key.name, size, self._tree.root))
        checkpoint = Checkpoint(size, now, note)
        async with self._work() as tx:
            await tx.checkpoints.add(checkpoint)
            # of a log that was cut short, another one of the same size is told too
            once = f"checkpoint:{sha256(note.encode()).hexdigest()}"
            await tell_security(tx, "checkpoint", {"note": note, "size": size}, once=once)
        self._last = checkpoint
        return checkpoint

    def _due(self, last: Checkpoint, now: datetime) -> bool:
        return self._decided > last.size or now - last.at >= AT_LATEST

    async def _tell(self, why: str) -> None:
        log.error("log-changed", why=why, entry=self._chain.size + 1)
        async with self._work() as tx:
            await tx.log.append(NewEntry(Action.INTRUSION_SEEN, "service:notary", "log", reason=CHANGED))
            await warn(tx, CHANGED)
