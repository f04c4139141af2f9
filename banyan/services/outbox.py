"""The outbox engine: carries out the effects of one actor, each at least once under one lasting id.

Who receives an effect makes it once: by the transaction id, or by looking for the id first. The engine's part
is that an attempt is written down before anything leaves, and that no row is forgotten or kept waiting.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from banyan.backoff import backoff
from banyan.domain.effects import Actor, Effect
from banyan.services.ports import Clock, UnitOfWork, Work

Handler = Callable[[Effect], Awaitable[Mapping[str, Any]]]
"""Carries one effect out and returns what there is to remember. Is called again after a crash or failure."""

LONGEST_PAUSE = timedelta(seconds=60)

GATHER = 0.05
"""Seconds for which what ended waits to be written down together with what ends next."""

logger = structlog.get_logger()


class Never(Exception):
    """Raised by a handler: this effect can never happen. `reason` is stored and logged: no ids in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def pause(attempts: int) -> timedelta:
    """How long to wait after that many failed attempts (1, 2, …): doubled each time, up to a cap."""
    return timedelta(seconds=backoff(attempts, longest=LONGEST_PAUSE.total_seconds()))


@dataclass(frozen=True)
class _Done:
    result: Mapping[str, Any]


@dataclass(frozen=True)
class _Failed:
    reference: str


@dataclass(frozen=True)
class _Dead:
    reason: str


@dataclass(frozen=True)
class _Outcome:
    effect: Effect
    what: _Done | _Failed | _Dead


class _Listener(Protocol):
    actor: Actor

    def notify(self) -> None: ...


class Wakes:
    """Tells the drains of this process at once that a commit wrote rows for them."""

    def __init__(self) -> None:
        self._drains: list[_Listener] = []

    def listen(self, drain: _Listener) -> None:
        """Wake that drain from now on."""
        self._drains.append(drain)

    def __call__(self, actors: Collection[Actor]) -> None:
        """Rows for these actors were committed."""
        for drain in self._drains:
            if drain.actor in actors:
                drain.notify()


class Drain:
    """Carries out the effects of one actor. Only one process may drain an actor at a time."""

    def __init__(
        self,
        work: Work,
        actor: Actor,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        device_id: Callable[[], str | None] = lambda: None,
        concurrency: int = 40,
        poll: float = 0.25,
    ) -> None:
        """`poll` is in seconds: how soon rows written by another process are seen."""
        self.actor = actor
        self._work = work
        self._handlers = handlers
        self._clock = clock
        self._device_id = device_id
        self._concurrency = concurrency
        self._poll = poll
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[_Outcome], Effect] = {}
        self._outcomes: list[_Outcome] = []
        """What happened and is not written down yet."""

    def notify(self) -> None:
        """There is something new: look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Drain until cancelled. Handlers under way are cancelled too; their effects are repeated later."""
        try:
            while True:
                self._woken.clear()
                await self._turn()
                await self._rest()
                self._collect()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            self._running.clear()

    async def _turn(self) -> None:
        """Write down what happened, note the attempts that come next, and only then begin them."""
        try:
            taken = await self._write()
        except Exception as error:  # noqa: BLE001 - a database that is away comes back; nothing may end the engine
            logger.warning("outbox-unwritten", actor=self.actor.value, **_trace(error))
            return
        for effect in taken:
            self._running[asyncio.create_task(self._carry_out(effect))] = effect

    async def _write(self) -> Sequence[Effect]:
        if not self._outcomes:
            async with self._work.reading() as tx:
                if not await self._next(tx):
                    return ()
        outcomes = tuple(self._outcomes)
        async with self._work() as tx:
            for outcome in outcomes:
                await self._record(tx, outcome)
            taken = await self._next(tx)
            if taken:
                await tx.outbox.begin([effect.id for effect in taken], self._clock.now(), self._device_id())
        del self._outcomes[: len(outcomes)]
        return taken

    async def _next(self, tx: UnitOfWork) -> Sequence[Effect]:
        busy = {effect.id for effect in self._running.values()}
        busy |= {outcome.effect.id for outcome in self._outcomes}
        free = self._concurrency - len(self._running)
        if free <= 0:
            return ()
        due = await tx.outbox.due(self.actor, self._clock.now(), self._concurrency + len(busy))
        return [effect for effect in due if effect.id not in busy][:free]

    async def _record(self, tx: UnitOfWork, outcome: _Outcome) -> None:
        effect, now = outcome.effect, self._clock.now()
        match outcome.what:
            case _Done(result):
                await tx.outbox.done(effect.id, now, result)
            case _Failed(reference):
                await tx.outbox.retry(effect.id, now + pause(effect.attempts + 1), reference)
            case _Dead(reason):
                await tx.outbox.dead(effect.id, reason)

    async def _carry_out(self, effect: Effect) -> _Outcome:
        known = {"effect": effect.id, "actor": effect.actor.value, "kind": effect.kind}
        try:
            handler = self._handlers.get(effect.kind)
            if handler is None:
                raise Never("no-handler")  # noqa: TRY301 - it is dead like any other
            return _Outcome(effect, _Done(await handler(effect)))
        except Never as never:
            logger.error("effect-dead", reason=never.reason, **known)  # noqa: TRY400 - no trace: it may hold ids
            return _Outcome(effect, _Dead(never.reason))
        except Exception as error:  # noqa: BLE001 - whatever a handler meets, the effect is tried again
            reference = secrets.token_hex(2)
            attempt = effect.attempts + 1
            logger.warning("effect-failed", reference=reference, attempt=attempt, **known, **_trace(error))
            return _Outcome(effect, _Failed(reference))

    async def _rest(self) -> None:
        """Until something is new, something ended, or it is time to look for rows of other processes.

        What ends soon after is waited for: an alert's thirty requests end one by one, and a commit for each
        would cost more than the requests.
        """
        woken = asyncio.ensure_future(self._woken.wait())
        clock = asyncio.get_running_loop().time
        try:
            waiting: Iterable[asyncio.Future[Any]] = (woken, *self._running)
            await asyncio.wait(waiting, timeout=self._poll, return_when=asyncio.FIRST_COMPLETED)
            until = clock() + GATHER
            while not woken.done() and (waiting := [task for task in self._running if not task.done()]):
                if (left := until - clock()) <= 0:
                    break
                await asyncio.wait((woken, *waiting), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    def _collect(self) -> None:
        for task in [task for task in self._running if task.done()]:
            effect = self._running.pop(task)
            # A library may cancel the handler it runs in; that ends this attempt, not the engine.
            cancelled = _Outcome(effect, _Failed("cancelled"))
            self._outcomes.append(cancelled if task.cancelled() else task.result())


def _trace(error: Exception) -> dict[str, str]:
    """Class and place of an error. Never its text: it may carry what people wrote."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "?") if trace else "?"
    return {"error": type(error).__name__, "at": f"{module}:{trace.tb_lineno}" if trace else "?"}
