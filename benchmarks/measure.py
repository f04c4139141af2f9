"""Two things measured in turns, in the same minute: machines drift by half within an hour, ratios do not.

A budget is held against the median of the rounds' ratios. Absolute figures are printed only to be read beside
each other.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import Any

Step = Callable[[int, int], None]
"""Told how much is done, and of how much."""

Timed = Callable[[], Awaitable[float]]
"""Does the work once and returns the seconds that count."""


class Kind(Enum):
    """How a figure is held against its limit."""

    RATIO = "at most so many times as long as the peer"
    FASTER = "at least so many times as fast as the peer"
    MOST = "at most"


@dataclass(frozen=True)
class Pair:
    """One round, in seconds."""

    product: float
    peer: float


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    budget: str
    kind: Kind
    limit: float
    figure: float
    """What is held against the limit: a ratio, or the product's own figure."""
    product: float
    peer: float | None = None
    unit: str = "s"
    size: Mapping[str, int] = field(default_factory=dict)
    """Of what was measured."""
    aside: Mapping[str, Any] = field(default_factory=dict)
    """Every round's ratio, and figures that no budget is about."""

    @property
    def ok(self) -> bool:
        """Whether the budget is kept."""
        return self.figure >= self.limit if self.kind is Kind.FASTER else self.figure <= self.limit

    @property
    def verdict(self) -> str:
        """The figure beside its limit, in one line."""
        sign = "≥" if self.kind is Kind.FASTER else "≤"
        unit = self.unit if self.kind is Kind.MOST else "x"
        return f"{self.figure:.3g} {unit} (limit {sign} {self.limit:g}): {'ok' if self.ok else 'over'}"


def compared(
    budget: str, kind: Kind, limit: float, pairs: list[Pair], size: Mapping[str, int], **aside: Any
) -> Result:
    """A result over several rounds: the median of their ratios, and of both sides' times."""
    ratios = [p.peer / p.product if kind is Kind.FASTER else p.product / p.peer for p in pairs]
    return Result(
        budget,
        kind,
        limit,
        median(ratios),
        median(p.product for p in pairs),
        median(p.peer for p in pairs),
        size=size,
        aside={"ratios": [round(ratio, 2) for ratio in ratios], **aside},
    )


def alone(
    budget: str, limit: float, figure: float, unit: str, size: Mapping[str, int], **aside: Any
) -> Result:
    """A result that no peer has: our own figure is held against the limit."""
    return Result(budget, Kind.MOST, limit, figure, figure, unit=unit, size=size, aside=aside)


async def in_turns(
    product: Timed,
    peer: Timed,
    rounds: int,
    step: Step = lambda _done, _of: None,
    *,
    peer_first: bool = False,
) -> list[Pair]:
    """Measure both that often. Who goes first changes every round: the second finds caches warm."""
    pairs = []
    for number in range(rounds):
        if bool(number % 2) is peer_first:
            ours = await _turn(product)
            theirs = await _turn(peer)
        else:
            theirs = await _turn(peer)
            ours = await _turn(product)
        pairs.append(Pair(ours, theirs))
        step(number + 1, rounds)
    return pairs


async def _turn(work: Timed) -> float:
    # thousands of people's keys are the benchmark's: looking through them for garbage stops a turn for 80 ms
    gc.collect()
    gc.freeze()
    return await work()


async def timed(work: Awaitable[Any]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


@dataclass
class Stalls:
    """How long the event loop did not run."""

    longest: float = 0.0
    """Seconds."""


@asynccontextmanager
async def stalls(every: float = 0.002) -> AsyncIterator[Stalls]:
    """Watch the event loop from inside: how much later than asked a sleeper wakes up."""
    found = Stalls()

    async def watch() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(every)
            found.longest = max(found.longest, time.perf_counter() - began - every)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield found
    finally:
        await asyncio.sleep(every)  # a stall at the very end is seen by the sleeper that it held up
        watcher.cancel()
