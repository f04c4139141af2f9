"""A number under an audit shows one finding whole and has it put right, by whom it is for."""

import pytest

from tests.bots.audits import (
    ADMIN,
    CAST,
    COLLEAGUE,
    DEVICES,
    GUESTS,
    LISTED,
    MEMBER,
    OFFICER,
    SECURITY,
    VETTER,
    asked,
    found,
    looks,
    numbered,
    wanted,
)
from tests.fakes import room_id


@pytest.fixture
def beginning(with_cast):
    return with_cast(*CAST)


async def test_every_auditor_may_answer_by_number(audited, staff):
    """Each has a conversation of their own; others have none."""
    await audited(GUESTS)
    for name in (OFFICER, COLLEAGUE):
        (said, *_) = await staff.say(name, "1", in_="security")
        assert "Guests whom nobody vetted" in said
    for name in (VETTER, MEMBER):
        assert await asked(staff, name, SECURITY) is None


async def test_who_is_in_the_middle_of_something_is_not_interrupted(audited, staff):
    """Their next digit answers what they were asked; “audit” brings the numbers."""
    await staff.say(OFFICER, "alert", in_="security")
    before = await asked(staff, OFFICER, SECURITY)
    await audited(GUESTS)
    assert await asked(staff, OFFICER, SECURITY) == before
    assert (await asked(staff, COLLEAGUE, SECURITY)).command == "finding"
    await staff.say(OFFICER, "stop", in_="security")
    (said,) = await staff.say(OFFICER, "audit", in_="security")
    assert "Guests whom nobody vetted" in said
    assert "What to do" in "\n".join(await staff.say(OFFICER, "1", in_="security"))


@pytest.mark.parametrize("one", ["1", "၁", "១", "໑", "๑"])
async def test_a_number_shows_it_whole_and_has_it_put_right(audited, staff, decisions, one):
    """In any script: what, where, since when, what to do; then the warden looks, which is logged."""
    await audited(GUESTS)
    (said, *_) = await staff.say(OFFICER, one, in_="security")
    for part in ("Guests whom", "Where: Juniper shade", "since", "What to do: Look who came in"):
        assert part in said
    assert numbered(said) == ["1. Do it now", "0. Leave it as it is"]
    assert await looks(staff) == []
    (said, *_) = await staff.say(OFFICER, one, in_="security")
    assert "being done" in said
    assert await looks(staff) == [room_id("talk:KH")]
    assert (await decisions())[-1][:2] == ("room-changed", f"security_officer:{OFFICER}")
    assert await wanted(staff) is not None


async def test_zero_leaves_it_and_the_numbers_stay(audited, staff):
    """Nothing is done; the next number shows the next one."""
    await audited(LISTED, GUESTS)
    assert numbered((await staff.say(OFFICER, "1", in_="security"))[0])[0].endswith("Do it now")
    (said, *_) = await staff.say(OFFICER, "០", in_="security")
    assert "left it" in said
    assert await looks(staff) == []
    (said, *_) = await staff.say(OFFICER, "2", in_="security")
    assert "public list" in said


async def test_what_we_cannot_put_right_offers_nothing(audited, staff):
    """Its remedy says what people can do; then the next number is understood."""
    await audited(ADMIN, LISTED)
    for number, part in (("1", "public list"), ("2", "administers")):
        (said, *_) = await staff.say(OFFICER, number, in_="security")
        assert part in said
        assert "Do it now" not in said


async def test_a_frozen_room_is_opened_again(audited, staff):
    """By somebody who knows what happened; of several each by itself."""
    async with staff.hearing.work() as tx:
        for key in ("talk:KH", "talk:VN"):
            await tx.rooms.set_frozen(key, frozen=True)
    frozen = [found("room-frozen", each) for each in ("talk:KH", "talk:VN")]
    await audited(*frozen)
    assert "Do it now" not in "\n".join(await staff.say(OFFICER, "1", in_="security"))
    for typed in ("audit room Juniper shade", "1", "1"):
        await staff.say(OFFICER, typed, in_="security")
    async with staff.hearing.work.reading() as tx:
        left = [room.key for room in await tx.rooms.all() if room.frozen]
    assert left == ["talk:VN"]
    assert await looks(staff) == [room_id("talk:KH")]


async def test_keys_are_taken_as_theirs_after_their_voice_was_heard(audited, staff, decisions):
    """Those that the audit saw, by somebody else than themselves, and it is logged."""

    async def pinned():
        async with staff.hearing.work.reading() as tx:
            return await tx.identities.all()

    user_id = staff.hearing.accounts.member(OFFICER)
    async with staff.hearing.work() as tx:
        await tx.identities.pin({user_id: "first"}, staff.hearing.clock.now())
    await audited(found("member-identity", OFFICER, key="second"))
    assert "Do it now" not in "\n".join(await staff.say(OFFICER, "1", in_="security"))
    (said, *_) = await staff.say(COLLEAGUE, "1", in_="security")
    assert "heard their voice" in said
    assert await pinned() == {user_id: "first"}
    await staff.say(COLLEAGUE, "1", in_="security")
    assert await pinned() == {user_id: "second"}
    assert (await decisions())[-1][:2] == ("identity-accepted", f"security_officer:{COLLEAGUE}")


async def test_keys_that_changed_once_more_are_not_those_of_that_voice(audited, staff):
    """What is accepted is what was shown: who holds the server could change them between question and yes."""
    user_id = staff.hearing.accounts.member(OFFICER)
    async with staff.hearing.work() as tx:
        await tx.identities.pin({user_id: "first"}, staff.hearing.clock.now())
    await audited(found("member-identity", OFFICER, key="second"))
    await staff.say(COLLEAGUE, "1", in_="security")
    await audited(found("member-identity", OFFICER, key="third"))
    (said, *_) = await staff.say(COLLEAGUE, "1", in_="security")
    assert "not as it was" in said
    async with staff.hearing.work.reading() as tx:
        assert await tx.identities.all() == {user_id: "first"}


async def test_another_stranger_in_the_same_room_is_news(audited):
    """It rings, though the rule was broken there before; another number of the same is none."""
    crow, raven = (found("room-stranger", "talk:KH", who=who) for who in ("crow", "raven"))
    await audited(crow, DEVICES, cause="start")
    assert await audited(crow, found("device-many", MEMBER, count=6, limit=3), cause="start") == []
    (said, *_) = await audited(crow, raven, DEVICES, cause="start")
    assert "does not belong there" in said


async def test_what_is_put_right_meanwhile_is_not_done_again(audited, staff):
    """The number of an old list finds nothing."""
    await audited(GUESTS)
    await staff.say(OFFICER, "1", in_="security")
    await audited()
    (said,) = await staff.say(OFFICER, "1", in_="security")
    assert "put right already" in said
    assert await looks(staff) == []


@pytest.mark.parametrize("name", [VETTER, MEMBER])
async def test_others_learn_nothing(audited, staff, name):
    """Not in their chat, nor where they talk with the steward."""
    await audited(GUESTS, DEVICES)
    for typed in ("audit", "finding", "repair", "audit room Juniper shade", f"audit member {MEMBER}"):
        (said,) = await staff.say(name, typed)
        assert "not for you" in said
        assert await staff.say(name, typed, in_="vetting") == []
    assert await wanted(staff) is None


async def test_findings_are_told_in_no_other_staff_room(audited, staff):
    """Vetting officers read that one."""
    await audited(GUESTS, DEVICES)
    for typed in ("audit", "finding", "audit room Juniper shade", f"audit member {MEMBER}"):
        said = "\n".join(await staff.say(OFFICER, typed, in_="vetting"))
        assert "security room and in your own chat only" in said
        assert "Juniper" not in said
