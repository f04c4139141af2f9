"""The audit in chats: five lines, worst first, a number that shows one whole and has it put right."""

from datetime import timedelta

import pytest

from banyan.domain.effects import Actor
from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject
from banyan.services.audit import WANTED
from banyan.services.reporting import MOST, key
from policies.rules import RULES
from tests.fakes import room_id

OFFICER, COLLEAGUE, VETTER, MEMBER = "teal-otter", "jade-finch", "coral-swan", "amber-heron"
SECURITY, VETTING = room_id("staff:security"), room_id("staff:vetting")
BY_ID = {rule.id: rule for rule in RULES}


def found(rule, name, **values):
    """A finding of a real rule."""
    each = BY_ID[rule]
    return Finding(rule, each.severity, Subject(each.about, name), values)


GUESTS = found("room-guests", "talk:KH")
LISTED = found("room-listed", "talk:VN")
MISSING = found("room-missing", "theme:climate")
DEVICES = found("device-many", MEMBER, count=5, limit=3)
ABSENT = found("room-absent", "talk:KH", count=2)
ADMIN = found("server-admin", "homeserver", who="somebody")
SIZE = found("room-size", "talk:LA", count=130, limit=120)
MANY = (ABSENT, SIZE, DEVICES, MISSING, GUESTS, LISTED, ADMIN)


@pytest.fixture
async def staff(stage):
    """Two security officers, a vetting officer, a member."""
    await stage.member(OFFICER, "KH", "security_officer")
    await stage.member(COLLEAGUE, "TH", "security_officer")
    await stage.member(VETTER, "KH", "vetting_officer")
    await stage.member(MEMBER, "KH")
    return stage


@pytest.fixture
def audited(staff):
    """Keep an audit as the service does; what is said in the security room of it."""
    hearing = staff.hearing

    async def keep(*findings, cause="daily", uncovered=()):
        before = len(await staff.said(SECURITY))
        audit = Audit(
            id=staff.ids.opaque(),
            at=hearing.clock.now(),
            cause=cause,
            judgement=Judgement(tuple(findings)),
            rooms=60,
            members=4,
            uncovered=uncovered,
        )
        async with hearing.work() as tx:
            await hearing.services.reports.told(tx, audit)
            await tx.audits.add(audit)
        hearing.clock.forward(minutes=1)
        return (await staff.said(SECURITY))[before:]

    return keep


async def asked(stage, name, room):
    """What somebody is being asked there."""
    async with stage.hearing.work.reading() as tx:
        return await tx.conversations.get(room, (await stage.look(name)).id)


async def looks(stage):
    """Rooms that the warden was told to look at."""
    return [payload["room_id"] for kind, payload in await stage.effects(Actor.WARDEN) if kind == "look"]


async def wanted(stage):
    async with stage.hearing.work.reading() as tx:
        return await tx.noted.get(WANTED)


def numbered(said):
    """The lines that begin with a number."""
    return [line for line in said.splitlines() if line[:1].isdigit()]


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


async def test_hours_nobody_covers_are_named_once(audited):
    """In the zone of the staff, with what to do; the same hours are not told every day."""
    (said,) = await audited(uncovered=(2, 3, 4, 9))
    assert "21:00\N{EN DASH}00:00, 04:00\N{EN DASH}05:00" in said
    assert "“hours”" in said
    assert await audited(uncovered=(2, 3, 4, 9)) == []


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
