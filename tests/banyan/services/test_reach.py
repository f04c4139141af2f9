"""Hours ahead in which nobody could stand behind an alert together."""

from datetime import UTC, datetime, timedelta

import pytest

from banyan.domain.findings import Audit, Judgement
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.services.reach import AHEAD, spans, uncovered

NOON = datetime(2026, 11, 22, 12, 20, tzinfo=UTC)
EVERY_HOUR = tuple(range(AHEAD))
NIGHT_IN_BANGKOK = tuple(range(3, 12))
"""22 to 7 there is 15 to 24 UTC: hours 3 to 11 after noon."""


def officer(name, area="TH", status=MemberStatus.ADMITTED, role="security_officer"):
    return Member(name, name, Placement(area, roles=frozenset({role})), "en", status)


def test_the_night_is_uncovered_where_nobody_said_otherwise(network):
    """Who has said nothing can be woken from 7 to 22 in their own zone."""
    two = [officer("a"), officer("b")]
    assert uncovered(network, two, {}, NOON) == NIGHT_IN_BANGKOK


def test_one_is_not_enough(network):
    """An alert needs two: one alone covers no hour, whatever the others do."""
    assert uncovered(network, [officer("a")], {"a": (0, 24)}, NOON) == EVERY_HOUR
    others = [officer("b", status=MemberStatus.FROZEN), officer("c", role="core_team")]
    assert uncovered(network, [officer("a"), *others], {}, NOON) == EVERY_HOUR


def test_duty_hours_may_go_over_midnight(network):
    """Two who watch by night and two who do not cover the day together."""
    four = [officer(name) for name in "abcd"]
    night = {"a": (21, 7), "b": (22, 8)}
    assert uncovered(network, four, night, NOON) == ()
    assert uncovered(network, four, night | {"b": (22, 6)}, NOON) == (11,)


def test_the_whole_day_and_no_hour_at_all(network):
    """0 to 24 is always; equal ends are never, for a slip must not look like cover."""
    two = [officer("a"), officer("b")]
    assert uncovered(network, two, {"a": (0, 24), "b": (0, 24)}, NOON) == ()
    assert uncovered(network, two, {"a": (8, 8), "b": (0, 24)}, NOON) == EVERY_HOUR


def test_an_hour_with_an_uncovered_half_is_uncovered(network):
    """Yangon is half an hour off: 22:00 there is 15:30 UTC, in the middle of an hour."""
    two = [officer("a", "MM-1"), officer("b", "MM-1")]
    assert uncovered(network, two, {}, NOON) == tuple(range(3, 13))


@pytest.mark.parametrize(
    ("hours", "told"),
    [((), []), ((0,), [(0, 1)]), ((3, 4, 5, 9), [(3, 6), (9, 10)]), (EVERY_HOUR, [(0, 24)])],
)
def test_hours_that_touch_are_told_as_one(hours, told):
    """From and to, counted from the full hour in which the audit was made."""
    full = NOON.replace(minute=0)
    audit = Audit("a", NOON, "asked", Judgement(()), 0, 0, uncovered=hours)
    spans_told = [(full + timedelta(hours=first), full + timedelta(hours=last)) for first, last in told]
    assert spans(audit) == spans_told
