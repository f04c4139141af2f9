"""The roll call: everybody addressed is asked once, answers by tap, digit or word, and staff hear of it."""

from dataclasses import replace

import pytest

from banyan.domain.checkins import Answer
from banyan.domain.effects import Actor
from banyan.domain.people import MemberStatus
from banyan.i18n import LANGUAGES, translate
from banyan.services.retention import Retention
from banyan.services.rollcall import NOBODY_ASKS
from bots.client import Trust
from bots.commands import TABLE
from bots.commands.answering import HELP
from bots.interpreter import MAY_NOT, Interpreter
from bots.polls import POLL, RESPONSE
from bots.rollcall import ANSWERS, QUESTION, THANKS, TOO_LATE, Asking, Telling
from tests.bots.carrying import Speaker, carry_out
from tests.bots.stage import Person
from tests.fakes import FakeVault, room_id

SECURITY = room_id("staff:security")


@pytest.fixture
def speaker():
    return Speaker()


@pytest.fixture
def desk(work, clock, roll_call, speaker):
    """Let the desk do what is due about the roll call; how many effects."""
    handlers = Asking(speaker, roll_call).handlers

    async def work_on(**how):
        return await carry_out(work, clock, Actor.DESK, handlers, **how)

    return work_on


@pytest.fixture
def steward(work, clock, roll_call, speaker):
    """Let the steward say what is due; everything said in the security room so far."""
    handlers = Telling(speaker, roll_call).handlers

    async def say():
        await carry_out(work, clock, Actor.STEWARD, handlers)
        return [said.body for said in speaker.heard(SECURITY)]

    return say


CAST = (
    Person("amber-heron", "MM-1", language="my"),
    Person("blue-crane", "MM-2"),
    Person("coral-swan", "VN", language="vi"),
    Person("dusk-robin", "MM-1"),
    Person("teal-otter", "KH", ("security_officer",)),
    Person("jade-finch", "TH", ("security_officer",)),
)


@pytest.fixture
def beginning(with_cast):
    return with_cast(*CAST)


@pytest.fixture
async def people(stage):
    """Members of three areas, one of them in no chat yet, and two security officers."""
    async with stage.hearing.work() as tx:
        await tx.members.set_chat((await stage.look("dusk-robin")).id, None)
    return stage


@pytest.fixture
def alarm(people, work, clock):
    """Have an alert sent off by two persons; its id."""

    async def send(line="alert arrest MM severe avoid 6h"):
        await people.say("teal-otter", line)
        for typed in ("0", "1"):
            await people.say("teal-otter", typed)
        async with work.reading() as tx:
            (proposal,) = await tx.proposals.waiting()
        await people.say("jade-finch", proposal.code, in_="security")
        clock.forward(seconds=5)
        return proposal.about["alert_id"]

    return send


@pytest.fixture
def answer_of(people, work):
    async def read(name, alert_id):
        member = await people.look(name)
        async with work.reading() as tx:
            found = await tx.checkins.get(alert_id, member.id)
        return found and found.answer

    return read


async def answer_id(people, name, alert_id, answer):
    """The id as the contract has it, not as the code does."""
    member = await people.look(name)
    return FakeVault().mac("checkin", f"{alert_id}:{member.id}:{answer}")[:32]


async def tap(people, name, answer, **changes):
    message = people.message(name, "")
    content = {RESPONSE: {"answers": [answer]}, "m.relates_to": {"event_id": "$poll"}}
    return await people.hear(replace(message, **{"type": RESPONSE, "content": content} | changes))


async def test_everybody_addressed_is_asked_once_in_their_language(people, alarm, desk, speaker):
    """A poll, and right after it the same with digits; nobody else is asked; a second time asks nobody."""
    alert_id = await alarm()
    await desk()
    asked, how = speaker.heard("!chat-amber-heron")
    assert asked.type == POLL
    offered = asked.content[POLL]["answers"]
    assert [each["id"] for each in offered] == [
        await answer_id(people, "amber-heron", alert_id, answer) for answer in ("safe", "help", "silent")
    ]
    assert asked.content[POLL]["question"]["body"] == translate(QUESTION, "my")
    assert f"1. {translate(ANSWERS[Answer.SAFE], 'my')}" in how.body
    assert how.content["msgtype"] == "m.text"
    assert {said.room_id for said in speaker.sent.values()} == {"!chat-amber-heron", "!chat-blue-crane"}
    assert len(speaker.sent) == 4


async def test_nobody_is_asked_before_the_alarm_had_its_start(people, alarm, desk, clock, speaker):
    """The question comes some seconds later: the alarm is never slowed by it."""
    await alarm()
    clock.forward(seconds=-1)
    assert await desk() == 0
    clock.forward(seconds=1)
    assert await desk() == 3
    assert speaker.sent


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("alert arrest MM extreme avoid 6h", True),
        ("alert arrest MM severe evacuate 6h", True),
        ("alert arrest MM moderate avoid 6h", False),
        ("alert arrest MM minor none 6h", False),
        ("alert arrest MM severe allclear 6h", False),
    ],
)
async def test_only_what_is_serious_and_not_over_asks(people, alarm, desk, line, asks):
    """For an all-clear or a small danger nobody is woken."""
    await alarm(line)
    assert bool(await desk()) is asks


async def test_killed_in_the_middle_nobody_is_asked_twice(people, alarm, desk, speaker, work, clock):
    """Whatever died: each has one poll with its answers by number, and an answer given meanwhile stays."""
    alert_id = await alarm()
    await desk(dies=True)
    await desk(dies=True)
    await people.say("blue-crane", "2")
    await desk(dies=True)
    await desk()
    assert len(speaker.sent) == 4
    assert (
        len({said.content[POLL]["answers"][0]["id"] for said in speaker.sent.values() if said.type == POLL})
        == 2
    )
    async with work.reading() as tx:
        lines = {line.localpart: line.answer for line in await tx.checkins.answers(alert_id)}
    assert lines == {"amber-heron": None, "blue-crane": Answer.HELP, "dusk-robin": None}


async def test_a_burmese_digit_answers(people, alarm, desk, answer_of):
    """After a restart as well; and another digit changes it."""
    alert_id = await alarm()
    await desk()
    people.hearing = replace(people.hearing, interpreter=Interpreter(TABLE))
    (said,) = await people.say("amber-heron", "၁")
    assert said == translate(THANKS[Answer.SAFE], "my")
    assert await answer_of("amber-heron", alert_id) is Answer.SAFE
    await people.say("amber-heron", "၃")
    assert await answer_of("amber-heron", alert_id) is Answer.SILENT


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("command", "answer"),
    [("safe", Answer.SAFE), ("need help", Answer.HELP), ("cannot talk", Answer.SILENT)],
)
async def test_words_answer_at_any_time_in_every_language(
    people, alarm, desk, answer_of, language, command, answer
):
    """Each word of the catalogs, also before the question has arrived."""
    alert_id = await alarm()
    words = translate(TABLE[command].words, language).split(",")
    await desk(dies=True)
    async with people.hearing.work() as tx:
        await tx.members.set_language((await people.look("blue-crane")).id, language)
    for typed in words:
        (said,) = await people.say("blue-crane", typed)
        assert said == translate(THANKS[answer], language)
    assert await answer_of("blue-crane", alert_id) is answer


async def test_the_bare_call_for_help_is_an_answer_to_the_question(people, alarm, desk, answer_of):
    """Asked whether they are safe, who writes “help” does not mean the menu; before it, they do."""
    (menu,) = await people.say("blue-crane", "help")
    assert "What can I do" in menu
    alert_id = await alarm()
    await desk()
    for language in LANGUAGES:
        for call in translate(HELP, language).split(","):
            assert await people.say("blue-crane", f"{call}!!") == [THANKS[Answer.HELP]]
            assert await answer_of("blue-crane", alert_id) is Answer.HELP
            await people.say("blue-crane", "safe")
            await people.say("blue-crane", "answer")


async def test_a_tap_answers_by_its_id_alone(people, alarm, desk, answer_of):
    """Whatever poll the homeserver says it belongs to; the last tap counts."""
    alert_id = await alarm()
    await desk()
    for answer in (Answer.HELP, Answer.SAFE):
        (said,) = await tap(people, "amber-heron", await answer_id(people, "amber-heron", alert_id, answer))
        assert said == translate(THANKS[answer], "my")
    assert await answer_of("amber-heron", alert_id) is Answer.SAFE


async def test_taps_that_do_not_count(people, alarm, desk, answer_of, steward):
    """Somebody else's answer, a made-up one, one in plaintext or from an unknown device: nothing is taken."""
    alert_id = await alarm()
    await desk()
    theirs = await answer_id(people, "blue-crane", alert_id, "help")
    mine = await answer_id(people, "amber-heron", alert_id, "help")
    for answer in (theirs, "help", "0" * 32, "", "ก" * 40):
        (said,) = await tap(people, "amber-heron", answer)
        assert said == translate(TOO_LATE, "my")
    for forged in (
        {"encrypted": False, "trust": Trust.UNKNOWN},
        {"trust": Trust.UNSIGNED},
        {"trust": Trust.CHANGED},
        {"room_id": "!chat-blue-crane"},
        {"content": {RESPONSE: {"answers": mine}}},
        {"content": {RESPONSE: {"answers": []}}},
        {"content": {}},
    ):
        await tap(people, "amber-heron", mine, **forged)
    assert await answer_of("amber-heron", alert_id) is None
    assert await answer_of("blue-crane", alert_id) is None
    assert await steward() == []


async def test_staff_hear_at_once_who_needs_help_and_no_more(people, alarm, desk, steward, speaker):
    """A name and an area, ringing; once for each change of the answer, and quietly when it is over."""
    await alarm()
    await desk()
    for typed in ("need help", "need help", "2"):
        await people.say("amber-heron", typed)
    assert await steward() == ["🔴 amber-heron (MM-1) needs help."]
    (said,) = speaker.heard(SECURITY)
    assert (said.content["msgtype"], said.content["m.mentions"]) == ("m.text", {"room": True})
    await people.say("amber-heron", "safe")
    await people.say("amber-heron", "cannot talk")
    assert len(await steward()) == 2
    assert "Now they say: I am safe" in (await steward())[1]
    await people.say("amber-heron", "need help")
    assert len(await steward()) == 3


async def test_one_summary_comes_after_a_quarter_of_an_hour(people, alarm, desk, steward, clock):
    """Per area, with those who need help; those without a chat count as silent so far; it is said once."""
    await alarm()
    await desk()
    await people.say("blue-crane", "need help")
    assert len(await steward()) == 1
    clock.forward(minutes=15)
    await desk()
    _, summary = await steward()
    assert "MM-1: 0 safe, 0 need help, 0 cannot talk, 2 without an answer" in summary
    assert "MM-2: 0 safe, 1 need help, 0 cannot talk, 0 without an answer" in summary
    assert "They need help: blue-crane" in summary
    clock.forward(hours=1)
    await desk()
    assert len(await steward()) == 2


async def test_staff_see_the_answers_within_their_reach(people, alarm, desk):
    """A focal point sees their own area; names in their own chat only; ordinary members see nothing."""
    await people.member("lotus-egret", "MM-1", "focal_point")
    await alarm()
    await desk()
    await people.say("amber-heron", "need help")
    await people.say("blue-crane", "need help")
    (said,) = await people.say("teal-otter", "answers", in_="security")
    assert "They need help: amber-heron, blue-crane" in said
    (said,) = await people.say("lotus-egret", "answers", in_="focal-points")
    assert "MM-1: 0 safe, 1 need help" in said
    assert "MM-2" not in said
    assert "heron" not in said
    (said,) = await people.say("lotus-egret", "answers")
    assert "They need help: amber-heron" in said
    assert "crane" not in said
    (said,) = await people.say("amber-heron", "answers")
    assert said == translate(MAY_NOT, "my")


async def test_with_several_the_newest_comes_first(people, alarm, desk, clock, answer_of):
    """`answers` asks which; a word answers the newest; each keeps its own."""
    first = await alarm()
    await desk()
    await people.say("amber-heron", "safe")
    clock.forward(hours=1)
    second = await alarm("alert shutdown MM-1 severe avoid 6h")
    await desk()
    await people.say("amber-heron", "need help")
    assert await answer_of("amber-heron", first) is Answer.SAFE
    assert await answer_of("amber-heron", second) is Answer.HELP
    (which,) = await people.say("teal-otter", "answers", in_="security")
    assert which.index("Internet or telephone") < which.index("Someone was arrested")
    (said,) = await people.say("teal-otter", "2", in_="security")
    assert "MM-1: 1 safe" in said


async def test_without_a_question_there_is_a_kind_sentence(people, alarm, desk, clock, steward):
    """Never asked, asked elsewhere, or over after a day: nobody is told anything."""
    (said,) = await people.say("coral-swan", "need help")
    await alarm()
    await desk()
    (elsewhere,) = await people.say("coral-swan", "safe")
    assert said == elsewhere
    assert said == translate(NOBODY_ASKS, "vi")
    clock.forward(hours=24)
    (over,) = await people.say("amber-heron", "need help")
    assert over == translate(NOBODY_ASKS, "my")
    (menu,) = await people.say("amber-heron", "1")
    assert menu != translate(THANKS[Answer.SAFE], "my")
    assert [each for each in await steward() if "needs help" in each] == []


async def test_an_alert_that_lives_longer_is_answered_longer(people, alarm, desk, clock, answer_of):
    """Valid for three days, the question is open for three days."""
    alert_id = await alarm("alert arrest MM severe avoid 3d")
    await desk()
    clock.forward(hours=71)
    await people.say("amber-heron", "၁")
    assert await answer_of("amber-heron", alert_id) is Answer.SAFE


async def test_a_frozen_member_is_neither_asked_nor_counted(people, alarm, desk, work, speaker, clock):
    """What is said in their chat may be read by somebody else."""
    await alarm()
    async with work() as tx:
        await tx.members.set_status((await people.look("blue-crane")).id, MemberStatus.FROZEN)
    await desk()
    assert speaker.heard("!chat-blue-crane") == []
    (said,) = await people.say("teal-otter", "answers", in_="security")
    assert "MM-2" not in said


async def test_who_has_answered_or_was_frozen_meanwhile_is_not_asked(
    people, alarm, desk, roll_call, work, speaker
):
    """The question waits behind hundreds of others: what happens until then counts."""
    alert_id = await alarm()
    await roll_call.begin(alert_id)
    await people.say("amber-heron", "safe")
    async with work() as tx:
        await tx.members.set_status((await people.look("blue-crane")).id, MemberStatus.FROZEN)
    await desk()
    assert speaker.sent == {}


async def test_answers_are_erased_after_a_month(people, alarm, desk, work, clock, answer_of):
    """Who was where in danger is not kept for ever."""
    alert_id = await alarm()
    await desk()
    retention = Retention(work, clock)
    await people.say("amber-heron", "safe")
    clock.forward(days=29)
    await retention.sweep()
    assert await answer_of("amber-heron", alert_id) is Answer.SAFE
    clock.forward(days=1, seconds=1)
    await retention.sweep()
    assert await answer_of("amber-heron", alert_id) is None


async def test_a_member_in_the_middle_of_something_else_answers_nothing_by_chance(
    people, alarm, desk, answer_of
):
    """A digit typed before the question is there belongs to what was asked before."""
    alert_id = await alarm()
    await people.say("amber-heron", "language")
    await people.say("amber-heron", "1")
    assert await answer_of("amber-heron", alert_id) is None
    await desk()
    await people.say("amber-heron", "1")
    assert await answer_of("amber-heron", alert_id) is Answer.SAFE
