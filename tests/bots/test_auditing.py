"""The audit in chats: five lines, worst first, each thing told once."""

import pytest

from banyan.domain.effects import Actor
from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject
from banyan.services.reporting import MOST, key
from tests.bots.audits import (
    CAST,
    DEVICES,
    GUESTS,
    LISTED,
    MANY,
    MEMBER,
    MISSING,
    OFFICER,
    SECURITY,
    SIZE,
    asked,
    found,
    numbered,
)


@pytest.fixture
def beginning(with_cast):
    return with_cast(*CAST)


async def test_nothing_is_posted_when_all_was_well_and_is(audited):
    """Silence is the ordinary day."""
    assert await audited() == []
    assert await audited(cause="apply") == []


async def test_at_most_five_lines_worst_first_and_the_rest_behind_a_number(audited, staff):
    """Breaches before warnings before notices; nothing is out of reach."""
    (said,) = await audited(*MANY)
    *lines, more = numbered(said)
    assert len(lines) == MOST
    marks = [line.split(maxsplit=2)[1] for line in lines]
    assert marks == ["🔴", "🔴", "🔴", "🔶", "🔶"]
    assert more == "6. 2 more"
    (rest,) = await staff.say(OFFICER, "6", in_="security")
    assert [line.split(maxsplit=2)[1] for line in numbered(rest)] == ["🔶", "🔹"]


async def test_one_rule_in_sixty_rooms_is_one_line(audited, staff):
    """It must not hide what else is wrong; its number names the rooms."""
    keys = [f"{kind}:{area}" for kind in ("talk", "guide", "alert") for area in ("KH", "VN", "LA", "TH")]
    (said,) = await audited(*(found("room-guests", each) for each in keys * 2), DEVICES)
    first, second = numbered(said)
    assert "23 more" in first
    assert MEMBER in second
    whole = "\n".join(await staff.say(OFFICER, "1", in_="security"))
    assert whole.count("Guests whom nobody vetted") == 20
    assert "4 more" in whole


async def test_rooms_are_called_by_their_code_names(audited):
    """What a room is for is not written down where a seized phone shows it."""
    (said,) = await audited(GUESTS)
    assert "Juniper shade: Guests whom nobody vetted" in said
    assert "talk:KH" not in said


async def test_what_is_unchanged_is_one_short_line_a_day(audited):
    """And none at all after a restart."""
    await audited(GUESTS, DEVICES)
    (said,) = await audited(GUESTS, DEVICES)
    assert numbered(said) == []
    assert "same as before: 2" in said
    assert "cannot wait: 1" in said
    assert await audited(GUESTS, DEVICES, cause="start") == []


async def test_what_is_new_is_told_whenever_it_is_seen(audited):
    """Not only in the morning."""
    await audited(DEVICES)
    for cause, more in (("apply", GUESTS), ("asked", LISTED), ("start", SIZE)):
        (said,) = await audited(DEVICES, more, cause=cause)
        assert len(numbered(said)) == 2, cause


async def test_when_all_is_well_again_one_line_says_so_once(audited):
    """Then it is quiet."""
    await audited(GUESTS)
    (said,) = await audited(cause="apply")
    assert "All is well again" in said
    assert await audited() == []


async def test_only_a_new_breach_rings(audited, staff):
    """What everybody knows already wakes nobody."""

    async def rang():
        content = (await staff.effects(Actor.STEWARD, SECURITY))[-1][1]["content"]
        return content["msgtype"] == "m.text" and content["m.mentions"] == {"room": True}

    await audited(DEVICES)
    assert not await rang()
    await audited(DEVICES, GUESTS)
    assert await rang()
    await audited(MISSING, GUESTS)
    assert not await rang()


async def test_told_again_with_its_audit_or_not_at_all(audited, staff):
    """Killed before the audit was kept, nothing of it is written; the next one tells it once."""
    hearing = staff.hearing
    audit = Audit("a", hearing.clock.now(), "daily", Judgement((GUESTS,)), 60, 4)

    async def killed():
        async with hearing.work() as tx:
            await hearing.services.reports.told(tx, audit)
            raise SystemExit

    with pytest.raises(SystemExit):
        await killed()
    assert await staff.said(SECURITY) == []
    assert await asked(staff, OFFICER, SECURITY) is None
    assert len(await audited(GUESTS)) == 1
    assert await audited(GUESTS, cause="start") == []


async def test_hours_nobody_covers_are_named_once(audited):
    """In the zone of the staff, with what to do; the same hours are not told every day."""
    (said,) = await audited(uncovered=(2, 3, 4, 9))
    assert "21:00\N{EN DASH}00:00, 04:00\N{EN DASH}05:00" in said
    assert "“hours”" in said
    assert await audited(uncovered=(2, 3, 4, 9)) == []


async def test_a_sentence_that_does_not_fit_is_replaced(audited):
    """Findings of an earlier version lack values: the rest is told all the same."""
    odd = Finding("device-many", Severity.WARNING, Subject(About.MEMBER, MEMBER))
    gone = Finding("no-such-rule", Severity.BREACH, Subject(About.SERVER, "homeserver"))
    (said,) = await audited(odd, gone, GUESTS)
    assert len(numbered(said)) == 3


def test_a_finding_has_a_name_that_stays():
    """Whatever its values: a count that grows is no news."""
    more = found("device-many", MEMBER, count=6, limit=3)
    assert key(more) == key(DEVICES)
