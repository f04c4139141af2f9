"""When something is seen that should never be: it is written down, and the security staff are told."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import HomeserverDown
from banyan.services.ports import Clock, UnitOfWork, Work

SECURITY = room_key(RoomKind.STAFF, "security")

PATIENCE: Final = 3
"""Looks that may fail in a row before it counts as not being able to look at all."""

AWAY: Final = timedelta(minutes=15)
"""How long the homeserver may be away before staff are told that nobody looks.

A restart is no attack: whoever runs the homeserver knows of it, and the steward could say nothing meanwhile.
But whoever answers in its place blinds us as well as one who takes the key, so it must not go on for ever.
"""

EVERY: Final = timedelta(hours=1)
"""How often staff are told of one sign at most: whoever makes it come and go must not bury the others."""

Sign = tuple[str, str]
"""A reason code, and the name of the account of ours that it is about."""

BLIND: Final[Sign] = ("watch-blind", "registrar")
"""We cannot look at all. Named after the account whose key opens our eyes."""

TOLD: Final = "watch-told"
"""Note: the signs that staff know of."""


async def warn(tx: UnitOfWork, reason: str, *, once: str | None = None, **values: str) -> None:
    """Have the steward warn the security staff. `values` fill the text; `once` as in `tell_security`."""
    await tell_security(tx, "warn", {"reason": reason, "values": values}, once=once)


async def tell_security(
    tx: UnitOfWork, kind: str, payload: Mapping[str, Any], *, once: str | None = None
) -> None:
    """Have the steward tell the security staff; nothing where they have no room.

    With `once`, what was told under that name is not told again.
    """
    room = await tx.rooms.get(SECURITY)
    if room is not None:
        about = {"room_id": room.room_id, "language": room.language, **payload}
        await tx.outbox.put(NewEffect(Actor.STEWARD, kind, about, lane=room.room_id, dedupe=once))


@dataclass(frozen=True)
class Known:
    """A sign that staff were told of."""

    told: datetime
    there: bool = True
    """It was seen by the last look."""
    again: int = 0
    """How often it went and came back since it was told."""

    def seen(self, now: datetime, *, there: bool) -> "Known | None":
        """The same after another look; None when it is over and may be forgotten."""
        after = replace(self, there=there, again=self.again + (there and not self.there))
        return after if there or after.again or not after.due(now) else None

    def due(self, now: datetime) -> bool:
        """Whether enough time has passed to tell of it again."""
        return not timedelta() <= now - self.told < EVERY  # a clock put back must not silence us until then


class Vigil:
    """Remembers what is seen, and speaks when it begins. What was told outlives a restart."""

    def __init__(self, work: Work, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._seen: frozenset[Sign] = frozenset()
        self._failed = self._refused = 0
        self._since: datetime | None = None
        """When the first of the looks that failed in a row did."""

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong as of the last look, and there was one of late."""
        return not self._seen and self._failed < PATIENCE

    async def failed(self, error: Exception) -> None:
        """A look failed: whoever takes away what we look with must not go unseen for it."""
        now = self._clock.now()
        self._failed, self._since = self._failed + 1, self._since or now
        # an answer, even one that nobody understands, is no outage: somebody lets us look no more
        self._refused += not isinstance(error, HomeserverDown)
        if self._refused >= PATIENCE or now - self._since >= AWAY:
            await self._learn(frozenset({BLIND}), now)

    async def report(self, found: Iterable[Sign]) -> None:
        """Tell what a look found; nothing when all is well."""
        self._failed, self._refused, self._since = 0, 0, None
        self._seen = frozenset(found)
        await self._learn(self._seen, self._clock.now())

    async def _learn(self, seen: frozenset[Sign], now: datetime) -> None:
        async with self._work.reading() as tx:
            known = _read(await tx.noted.get(TOLD))
        after = dict.fromkeys(seen - known.keys(), Known(now))
        telling = dict.fromkeys(after, 0)
        for sign, each in known.items():
            # while we are blind, nobody knows whether what was there has gone
            there = sign in seen or (BLIND in seen and each.there)
            if (now_known := each.seen(now, there=there)) is None:
                continue
            if now_known.again and now_known.due(now):
                telling[sign], now_known = now_known.again, Known(now, there)
            after[sign] = now_known
        if after == known:
            return
        async with self._work() as tx:
            for sign, again in sorted(telling.items()):
                await _tell(tx, sign, again)
            await tx.noted.set(TOLD, _written(after))


async def _tell(tx: UnitOfWork, sign: Sign, again: int) -> None:
    reason, account = sign
    details = {"again": again} if again else {}
    await tx.log.append(
        NewEntry(Action.INTRUSION_SEEN, "service:watch", account, reason=reason, details=details)
    )
    often = {"again": str(again)} if again else {}
    await warn(tx, reason, account=account, **often)


def _read(note: str | None) -> dict[Sign, Known]:
    rows = json.loads(note or "[]")
    return {
        (reason, account): Known(datetime.fromisoformat(told), there, again)
        for reason, account, told, there, again in rows
    }


def _written(known: Mapping[Sign, Known]) -> str:
    rows = [(*sign, each.told.isoformat(), each.there, each.again) for sign, each in sorted(known.items())]
    return json.dumps(rows)
