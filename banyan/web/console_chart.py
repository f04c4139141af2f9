"""Findings over time, as bars: where everything stands, for a template to draw. Lengths in CSS pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from banyan.domain.findings import Severity, Tally

LEFT, RIGHT, TOP, BOTTOM = 36, 8, 12, 28
"""Room for the numbers and the days around the bars."""
STEPS = 4
"""Lines across, at most, the lowest not counted."""


@dataclass(frozen=True)
class Day:
    """The last audit of one day."""

    day: date
    tally: Tally | None
    """None when there was no audit."""

    @property
    def counts(self) -> Sequence[tuple[Severity, int]]:
        """How many findings of each severity, the gravest first."""
        if self.tally is None:
            return ()
        of = self.tally
        return (
            (Severity.BREACH, of.breaches),
            (Severity.WARNING, of.warnings),
            (Severity.NOTICE, of.notices),
        )

    @property
    def total(self) -> int:
        """All of them."""
        return sum(count for _, count in self.counts)


@dataclass(frozen=True)
class Piece:
    """One severity of one day."""

    severity: Severity
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One day."""

    day: Day
    x: float
    width: float
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Chart:
    """Bars with their axes."""

    width: int
    height: int
    floor: float
    """y of nothing found."""
    bars: Sequence[Bar]
    lines: Sequence[tuple[float, int]]
    """y of each line across, and the number it stands for."""
    labels: Sequence[tuple[float, str, date]]
    """x, anchor and day."""


def chart(days: Sequence[Day], width: int, height: int) -> Chart:
    """Lay the days out, the oldest first; at least one."""
    step = _step(max(day.total for day in days))
    top = step * max(1, -(-max(day.total for day in days) // step))
    floor = float(height - BOTTOM)
    scale = (floor - TOP) / top
    slot = (width - LEFT - RIGHT) / len(days)
    thick = round(min(slot * 0.72, 28), 2)
    bars = [
        Bar(day, round(LEFT + slot * at + (slot - thick) / 2, 2), thick, _pieces(day, floor, scale))
        for at, day in enumerate(days)
    ]
    lines = [(round(floor - scale * number, 2), number) for number in range(0, top + 1, step)]
    return Chart(width, height, floor, bars, lines, _labels(days, slot))


def by_day(last: date, count: int, tallies: Sequence[tuple[date, Tally]]) -> Sequence[Day]:
    """The last tally of each of the `count` days up to `last`; `tallies` are in order of time."""
    known = dict(tallies)
    first = last - timedelta(days=count - 1)
    return [Day(day, known.get(day)) for day in (first + timedelta(days=at) for at in range(count))]


def _pieces(day: Day, floor: float, scale: float) -> Sequence[Piece]:
    """From the floor up, the gravest lowest: its length is then told best."""
    heights = [(severity, count * scale) for severity, count in day.counts if count]
    tops = accumulate(height for _, height in heights)
    return [
        Piece(severity, round(floor - top, 2), round(height, 2))
        for (severity, height), top in zip(heights, tops, strict=True)
    ]


def _step(most: int) -> int:
    """1, 2 or 5 times a power of ten, so that few lines reach over the highest bar."""
    power = 1
    while True:
        for times in (1, 2, 5):
            if times * power * STEPS >= most:
                return times * power
        power *= 10


def _labels(days: Sequence[Day], slot: float) -> Sequence[tuple[float, str, date]]:
    """The first day, the last, and one between."""
    ends = {0: "start", len(days) // 2: "middle", len(days) - 1: "end"}
    edge = {"start": 0.0, "middle": 0.5, "end": 1.0}
    return [
        (round(LEFT + slot * (at + edge[anchor]), 2), anchor, days[at].day) for at, anchor in ends.items()
    ]
