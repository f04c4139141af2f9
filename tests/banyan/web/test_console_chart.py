"""The chart of findings over time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.domain.findings import Severity, Tally
from banyan.web.console_chart import LEFT, TOP, by_day, chart

TODAY = date(2026, 11, 22)


def tally(day=TODAY, counts=(0, 0, 0), hour=8):
    return day, Tally(datetime(day.year, day.month, day.day, hour, tzinfo=UTC), *counts)


def test_the_last_audit_of_a_day_counts():
    """What was put right in the morning is no finding in the evening."""
    days = by_day(TODAY, 3, [tally(counts=(0, 0, 9)), tally(counts=(1, 0, 0), hour=20)])
    assert [each.day for each in days] == [TODAY - timedelta(days=2), TODAY - timedelta(days=1), TODAY]
    assert [each.tally is None for each in days] == [True, True, False]
    assert days[-1].counts == ((Severity.BREACH, 0), (Severity.WARNING, 0), (Severity.NOTICE, 1))


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (27, [0, 10, 20, 30]),
        (400, [0, 100, 200, 300, 400]),
    ],
)
def test_few_lines_reach_over_the_highest_bar(most, lines):
    """Round numbers, the highest at or above what was found."""
    drawn = chart(by_day(TODAY, 7, [tally(counts=(most, 0, 0))]), 900, 300)
    assert [number for _, number in drawn.lines] == lines


@given(
    counts=st.lists(st.tuples(*[st.integers(0, 5000)] * 3), min_size=1, max_size=90),
    width=st.sampled_from((340, 960)),
)
def test_everything_lies_inside_and_is_as_high_as_its_count(counts, width):
    """Whatever was found: bars stand beside each other on the floor, their pieces on top of each other."""
    tallies = [tally(TODAY - timedelta(days=ago), each) for ago, each in enumerate(counts)]
    drawn = chart(by_day(TODAY, len(counts), tallies), width, 300)
    per_finding = (drawn.lines[0][0] - drawn.lines[-1][0]) / drawn.lines[-1][1]
    right = LEFT
    for bar in drawn.bars:
        assert right <= bar.x + 0.01
        right = bar.x + bar.width
        floor = drawn.floor
        for piece in bar.pieces:
            assert piece.y + piece.height == pytest.approx(floor, abs=0.02)
            assert piece.height == pytest.approx(dict(bar.day.counts)[piece.severity] * per_finding, abs=0.02)
            floor = piece.y
        assert floor >= TOP - 0.02
    assert right <= width
