"""Outgoing effects."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.effects import Actor, Effect, EffectState, NewEffect
from banyan.services.ports import Clock, Ids
from banyan.store.tables import outbox
from banyan.store.transactions import insert_new

QUEUED = outbox.c.state == EffectState.QUEUED.value

HARMLESS_TWICE = ("redact",)
"""Kinds whose `dedupe` need not be known for ever: there is one for every message of every chat."""


class SqlOutbox:
    """`ports.Outbox`."""

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self.addressed: set[Actor] = set()
        """Actors that got a row in this transaction: to be woken once it is committed."""

    async def put(self, effect: NewEffect) -> str:
        """The id; the existing one when `dedupe` matches."""
        row = self._row(effect)
        if not await insert_new(self._connection, outbox, row):
            same = select(outbox.c.id).where(outbox.c.dedupe == effect.dedupe)
            return str((await self._connection.execute(same)).scalar_one())
        self.addressed.add(effect.actor)
        return str(row["id"])

    async def put_all(self, effects: Sequence[NewEffect]) -> None:
        """Many at once, in this order, in one statement: an alert must not wait for its own book-keeping."""
        if effects:
            await insert_new(self._connection, outbox, *map(self._row, effects))
            self.addressed.update(effect.actor for effect in effects)

    async def known(self, dedupes: Sequence[str]) -> frozenset[str]:
        """Which of these `dedupe` values were written before."""
        query = select(outbox.c.dedupe).where(outbox.c.dedupe.in_(dedupes))
        return frozenset((await self._connection.execute(query)).scalars())

    async def of_subject(self, subject: str) -> Sequence[Effect]:
        """Effects that belong to that subject, oldest first."""
        return await self._some(outbox.c.subject == subject)

    async def latest(self, actor: Actor) -> int:
        """Number of the last effect written for that actor; it grows with every one. 0 without any."""
        last = select(outbox.c.seq).where(outbox.c.actor == actor.value).order_by(outbox.c.seq.desc())
        return (await self._connection.execute(last.limit(1))).scalar() or 0

    async def get(self, effect_id: str) -> Effect | None:
        """The effect with that id."""
        found = await self._some(outbox.c.id == effect_id)
        return found[0] if found else None

    async def due(self, actor: Actor, now: datetime, limit: int) -> Sequence[Effect]:
        """Queued rows whose time has come, of each lane the oldest queued one only.

        Oldest first, but what was put off comes last: nobody waits for a backlog of things to be erased.
        """
        other = outbox.alias("other")
        predecessor = exists().where(
            other.c.actor == outbox.c.actor,
            other.c.lane == outbox.c.lane,
            other.c.state == EffectState.QUEUED.value,
            other.c.seq < outbox.c.seq,
        )
        first = or_(outbox.c.lane == "", ~predecessor)
        pending = exists().where(other.c.id == outbox.c.after, other.c.state == EffectState.QUEUED.value)
        free = or_(outbox.c.after.is_(None), ~pending)
        return await self._some(
            outbox.c.actor == actor.value,
            QUEUED,
            outbox.c.not_before <= now,
            first,
            free,
            limit=limit,
            order=(and_(outbox.c.attempts == 0, outbox.c.not_before > outbox.c.queued), outbox.c.seq),
        )

    async def queued(self, actor: Actor, lane: str) -> Sequence[Effect]:
        """What is not done yet in that lane, oldest first, begun or not."""
        return await self._some(outbox.c.actor == actor.value, outbox.c.lane == lane, QUEUED)

    async def queued_of(self, actor: Actor, kind: str) -> Sequence[Effect]:
        """What is not done yet of that kind, oldest first, begun or not."""
        return await self._some(outbox.c.actor == actor.value, outbox.c.kind == kind, QUEUED)

    async def begin(self, effect_ids: Sequence[str], now: datetime, device_id: str | None) -> None:
        """Note an attempt, before anything leaves: attempts + 1; first_attempt and device_id once."""
        mine = update(outbox).where(outbox.c.id.in_(effect_ids))
        never = outbox.c.attempts == 0
        await self._connection.execute(mine.where(never).values(first_attempt=now, device_id=device_id))
        await self._connection.execute(mine.values(attempts=outbox.c.attempts + 1))

    async def done(self, effect_id: str, now: datetime, result: Mapping[str, Any]) -> None:
        """It happened. The payload of a secret effect is erased."""
        await self._end(effect_id, EffectState.DONE, now, result=dict(result), reason="")

    async def retry(self, effect_id: str, not_before: datetime, reason: str) -> None:
        """It failed this time. `reason` is a code or a reference, never a text from outside."""
        again = update(outbox).where(outbox.c.id == effect_id, QUEUED)
        await self._connection.execute(again.values(not_before=not_before, reason=reason))

    async def dead(self, effect_id: str, reason: str) -> None:
        """It can never happen. The payload of a secret effect is erased."""
        await self._end(effect_id, EffectState.DEAD, self._clock.now(), reason=reason)

    async def waiting(self) -> Mapping[Actor, int]:
        """How many queued rows are due or were tried before, per actor (a metric)."""
        late = or_(outbox.c.not_before <= self._clock.now(), outbox.c.attempts > 0)
        query = select(outbox.c.actor, func.count()).where(QUEUED, late).group_by(outbox.c.actor)
        counts: dict[str, int] = dict((await self._connection.execute(query)).all())
        return {actor: counts.get(actor.value, 0) for actor in Actor}

    async def stuck(self, actor: Actor, attempts: int) -> bool:
        """Whether that actor has tried something that often and it is not done."""
        often = and_(outbox.c.actor == actor.value, QUEUED, outbox.c.attempts >= attempts)
        return bool((await self._connection.execute(select(exists().where(often)))).scalar())

    async def forget(self, before: datetime) -> int:
        """Erase what rows that ended before that moment said; how many. Their `dedupe` values stay known."""
        old = and_(~QUEUED, outbox.c.done < before)
        over = or_(outbox.c.dedupe.is_(None), outbox.c.kind.in_(HARMLESS_TWICE))
        gone = await self._connection.execute(delete(outbox).where(old, over))
        # Erased, the row would let the same thing be done a second time: a second welcome, a second chat.
        full = and_(old, outbox.c.subject.is_not(None) | (cast(outbox.c.payload, Text) != "{}"))
        blank = update(outbox).where(full).values(subject=None, payload={}, result={})
        return gone.rowcount + (await self._connection.execute(blank)).rowcount

    def _row(self, effect: NewEffect) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "id": self._ids.opaque(),
            "actor": effect.actor.value,
            "kind": effect.kind,
            "payload": dict(effect.payload),
            "lane": effect.lane,
            "subject": effect.subject,
            "dedupe": effect.dedupe,
            "after": effect.after,
            "secret": effect.secret,
            "state": EffectState.QUEUED.value,
            "queued": now,
            "not_before": effect.not_before or now,
            "attempts": 0,
            "result": {},
            "reason": "",
        }

    async def _end(self, effect_id: str, state: EffectState, at: datetime, **values: Any) -> None:
        left = case((outbox.c.secret, literal({}, outbox.c.payload.type)), else_=outbox.c.payload)
        ended = update(outbox).where(outbox.c.id == effect_id, QUEUED)
        await self._connection.execute(ended.values(state=state.value, done=at, payload=left, **values))

    async def _some(
        self,
        *where: ColumnElement[bool],
        limit: int | None = None,
        order: Sequence[ColumnElement[Any]] = (outbox.c.seq,),
    ) -> Sequence[Effect]:
        query = select(outbox).where(*where).order_by(*order).limit(limit)
        return [_effect(row) for row in await self._connection.execute(query)]


def _effect(row: Row[Any]) -> Effect:
    return Effect(
        id=row.id,
        seq=row.seq,
        actor=Actor(row.actor),
        kind=row.kind,
        payload=row.payload,
        lane=row.lane,
        subject=row.subject,
        state=EffectState(row.state),
        queued=row.queued,
        attempts=row.attempts,
        first_attempt=row.first_attempt,
        device_id=row.device_id,
        done=row.done,
        result=row.result,
    )
