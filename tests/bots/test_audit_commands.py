"""Asking for an audit: of everything, of one room, of one member; and the hours one answers in."""

from datetime import timedelta

import pytest

from tests.bots.audits import (
    ABSENT,
    CAST,
    COLLEAGUE,
    DEVICES,
    GUESTS,
    MEMBER,
    OFFICER,
    SECURITY,
    SIZE,
    VETTER,
    asked,
    found,
    numbered,
    wanted,
)


@pytest.fixture
def beginning(with_cast):
    return with_cast(*CAST)


async def test_asked_in_the_own_chat_it_is_answered_there(audited, staff):
    """At once what was seen last; then, when it was looked at again, what is seen now."""
    await audited(GUESTS)
    staff.hearing.clock.time -= timedelta(seconds=50)
    (said,) = await staff.say(OFFICER, "audit")
    assert len(numbered(said)) == 1
    assert await wanted(staff) is None  # it was looked at just now
    staff.hearing.clock.forward(minutes=1)
    (said,) = await staff.say(OFFICER, "audit")
    assert "looking again" in said
    assert await wanted(staff) is not None
    before = await staff._written()
    assert await audited(GUESTS, cause="apply") == []
    (said,) = await staff.said(f"!chat-{OFFICER}", before)
    assert "same as before" in said
    before = await staff._written()
    await audited(GUESTS, cause="apply")
    assert await staff.said(f"!chat-{OFFICER}", before) == []


async def test_asked_in_the_security_room_it_is_answered_there(audited, staff):
    """One answer, however many asked; all is well is an answer too."""
    for name in (OFFICER, COLLEAGUE):
        (said, *_) = await staff.say(name, "audit", in_="security")
        assert "not looked yet" in said
    (said,) = await audited(cause="apply")
    assert "Every rule is kept" in said


async def test_who_lost_the_right_is_not_told(audited, staff, roles):
    """Between asking and looking."""
    await staff.say(OFFICER, "audit")
    async with staff.hearing.work() as tx:
        member = await tx.members.by_localpart(OFFICER)
        await roles.take(tx, member, "security_officer", by="operator")
    before = await staff._written()
    await audited(GUESTS)
    assert await staff.said(f"!chat-{OFFICER}", before) == []


async def test_one_room(audited, staff):
    """What is not kept there, or that all is; unknown rooms are asked for again."""
    await audited(GUESTS, DEVICES, ABSENT, SIZE)
    (said,) = await staff.say(OFFICER, "audit room Juniper shade")
    assert len(numbered(said)) == 2
    (said,) = await staff.say(OFFICER, "1")
    assert "Where: Juniper shade" in said
    (said,) = await staff.say(OFFICER, "audit room talk:VN")
    assert "every rule is kept" in said
    (said,) = await staff.say(OFFICER, "audit room")
    assert len(numbered(said)) == 2  # the two rooms in which something was found


async def test_one_member(audited, staff):
    """Findings about them, and findings elsewhere that name them."""
    stranger = found("room-stranger", "talk:VN", who=MEMBER)
    await audited(stranger, DEVICES, GUESTS)
    (said,) = await staff.say(OFFICER, f"audit member {MEMBER}", in_="security")
    assert len(numbered(said)) == 2
    (said,) = await staff.say(OFFICER, f"audit member {VETTER}")
    assert "every rule is kept" in said


async def test_talk_among_colleagues_is_no_answer(audited, staff):
    """While the numbers wait, people go on talking."""
    await audited(GUESTS)
    for typed in ("audit the coffee fund", "Good morning!", "One of them is mine", "repair man comes at 9"):
        assert await staff.say(OFFICER, typed, in_="security") == []
    assert (await asked(staff, OFFICER, SECURITY)).command == "finding"


async def test_hours_are_kept_in_ones_own_zone(staff):
    """Asked one by one, in digits of any script; again, they change."""
    (said,) = await staff.say(OFFICER, "hours")
    assert "From when" in said
    (said,) = await staff.say(OFFICER, "២២")
    assert "Until when" in said
    (said,) = await staff.say(OFFICER, "6")
    assert "from 22:00 to 06:00 (Asia/Phnom Penh)" in said
    assert await duties(staff) == {(await staff.look(OFFICER)).id: (22, 6)}
    (said,) = await staff.say(OFFICER, "hours 0 24")
    assert await duties(staff) == {(await staff.look(OFFICER)).id: (0, 24)}
    for typed in ("hours 24 0", "hours 0:00 24:00"):
        await staff.say(OFFICER, typed)
        assert await duties(staff) == {(await staff.look(OFFICER)).id: (0, 24)}, typed


@pytest.mark.parametrize("typed", ["8 8", "25 3", "-1 5", "8 99", "eight nine"])
async def test_what_is_no_hours_changes_nothing(staff, typed):
    """It is asked again, or said why."""
    before = await duties(staff)
    assert await staff.say(OFFICER, f"hours {typed}") != []
    assert await duties(staff) == before


async def test_hours_are_for_those_who_approve(staff):
    """Nobody else is counted on."""
    for name in (VETTER, MEMBER):
        (said,) = await staff.say(name, "hours 8 22")
        assert "not for you" in said
    assert await duties(staff) == {}


async def duties(stage):
    async with stage.hearing.work.reading() as tx:
        return dict(await tx.duties.all())
