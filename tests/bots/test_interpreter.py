"""Conversations: numbered questions, digits of any script, a menu for the rest, nothing done twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.effects import Actor
from bots.client import Trust
from bots.declare import Where
from bots.dispatch import Dispatcher


async def test_help_lists_what_the_asker_may_do_and_a_digit_chooses(stage):
    """A member sees the commands of their chat; a number begins one of them."""
    await stage.member("amber-heron")
    (menu,) = await stage.say("amber-heron", "help")
    number = next(line[0] for line in menu.splitlines() if "Change the language" in line)
    (question,) = await stage.say("amber-heron", chr(0x1040 + int(number)))
    assert "Which language" in question
    assert "3. 简体中文" in question


async def test_the_answer_comes_in_the_new_language(stage):
    """Chosen by the digit of another script; nothing of the conversation is left."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "language")
    await stage.say("amber-heron", "៣")
    assert (await stage.look("amber-heron")).language == "zh-Hans"
    (menu,) = await stage.say("amber-heron", "xyzzy")
    assert "Sorry" not in menu


async def test_an_answer_may_be_a_word_or_all_in_one_line(stage):
    """`language français` asks nothing."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "Language:  francais")
    assert (await stage.look("amber-heron")).language == "fr"


async def test_a_wrong_answer_is_asked_again_and_stop_ends_it(stage):
    """Nobody is stuck in a question."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "language")
    for wrong in ("99", "0", "blue", "1.5"):
        (again,) = await stage.say("amber-heron", wrong)
        assert "one of the numbers" in again
    (stopped,) = await stage.say("amber-heron", "Stop!")
    assert "Nothing was done" in stopped
    (menu,) = await stage.say("amber-heron", "2")
    assert "did not understand" in menu
    assert (await stage.look("amber-heron")).language == "en"


async def test_another_command_leaves_the_question(stage):
    """Who asks for help in the middle is helped, and the digits then choose from the help."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "language")
    (menu,) = await stage.say("amber-heron", "help")
    assert "What can I do for you" in menu


async def test_a_question_is_forgotten_after_a_while(stage, clock):
    """A digit typed the next day answers nothing of yesterday."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "language")
    clock.forward(minutes=31)
    (menu,) = await stage.say("amber-heron", "1")
    assert "did not understand" in menu


async def test_the_same_event_again_says_and_does_nothing(stage):
    """After a crash the homeserver tells everything again."""
    await stage.member("amber-heron")
    asked = stage.message("amber-heron", "language")
    assert len(await stage.hear(asked)) == 1
    assert await stage.hear(asked) == []


async def test_what_fails_is_taken_back_and_said(stage, monkeypatch):
    """A command that breaks leaves nothing half done: the reader gets a reference, the log no words."""
    await stage.member("amber-heron")

    async def broken(*_args):
        raise ZeroDivisionError("amber-heron said language")

    monkeypatch.setattr("banyan.store.people.SqlMembers.set_language", broken)
    (said,) = await stage.say("amber-heron", "language vi")
    assert "ref " in said
    assert "amber" not in said


LONG = "x" * 65_536
RUDE = [
    "@room",
    "<b>x</b><script>",
    "# x\n* y",
    "\u202eabc",
    "\u2066x\u2069",
    LONG,
    "\x00",
    "{who.secret}",
    "%s",
]


@pytest.mark.parametrize("rude", RUDE, ids=[repr(each)[:12] for each in RUDE])
async def test_nothing_typed_breaks_anything_or_rings(stage, effects, rude):
    """HTML, Markdown, @room, turned lines, 64 KB: as a word, as an answer, as an argument."""
    await stage.member("amber-heron")
    for typed in (rude, f"language {rude}", "language", rude, f"help {rude}"):
        assert len(await stage.say("amber-heron", typed)) == 1
    for _, payload in await effects(Actor.DESK, "!chat-amber-heron"):
        content = payload["content"]
        assert (content["msgtype"], content["m.mentions"]) == ("m.notice", {})
        assert "<script" not in content["formatted_body"]
        assert "\u202e" not in content["body"]
        assert "@room" not in content["body"]


FORGED = [
    {"encrypted": False, "trust": Trust.UNKNOWN},
    {"trust": Trust.CHANGED},
    {"trust": Trust.UNKNOWN},
    {"room_id": "!elsewhere"},
    {"sender": "@somebody-else:banyan.test"},
    {"sender": "@steward:banyan.test"},
    {"sender": "@amber-heron:elsewhere.test"},
    {"content": {"msgtype": "m.text", "body": ["language vi"]}},
    {"content": {}},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
async def test_what_the_homeserver_could_forge_does_not_count(stage, forged):
    """Plaintext, other devices, other people, other rooms: nothing is done."""
    await stage.member("amber-heron")
    await stage.hear(replace(stage.message("amber-heron", "language vi"), **forged))
    assert (await stage.look("amber-heron")).language == "en"


async def test_what_cannot_be_read_is_answered_once_a_day(stage, clock):
    """A voice message and an unconfirmed device get one kind sentence each."""
    await stage.member("amber-heron")
    voice = {"content": {"msgtype": "m.audio", "body": "voice.ogg"}}
    unsigned = {"trust": Trust.UNSIGNED}
    answers = [await stage.say("amber-heron", "", **each) for each in (voice, unsigned, voice, unsigned)]
    assert [len(each) for each in answers] == [1, 1, 0, 0]
    clock.forward(days=1)
    assert len(await stage.say("amber-heron", "", **voice)) == 1


async def test_everything_said_in_a_chat_is_erased_after_a_day(stage, work, clock):
    """The member's words as well: what counted, what did not, what could not be read."""
    await stage.member("amber-heron")
    await stage.say("amber-heron", "help")
    await stage.say("amber-heron", "x", trust=Trust.UNSIGNED)
    async with work.reading() as tx:
        assert [e for e in await tx.outbox.due(Actor.DESK, clock.now(), 99) if e.kind == "redact"] == []
        later = await tx.outbox.due(Actor.DESK, clock.now() + timedelta(hours=24), 99)
    doomed = {effect.payload["event_id"] for effect in later if effect.kind == "redact"}
    assert doomed == {"$said-1", "$said-2"}


async def test_staff_are_left_alone_while_they_talk(stage):
    """In a staff room only a command is answered: no menu, no remark, not in the middle of a question."""
    await stage.member("teal-otter", "KH", "security_officer")
    for talk in ("good morning", "help us with this please", "1", "languages are hard"):
        assert await stage.say("teal-otter", talk, in_="security") == []
    assert len(await stage.say("teal-otter", "waiting", in_="security")) == 1


async def test_only_staff_of_the_room_are_heard_there(stage):
    """A member whom somebody slipped into the room is nobody there."""
    await stage.member("amber-heron")
    assert await stage.say("amber-heron", "waiting", in_="security") == []


async def test_a_text_keeps_its_lines_and_marks(stage):
    """What is to be passed on is passed on as it was written."""
    await stage.member("teal-otter", "LA", "focal_point")
    (preview,) = await stage.say("teal-otter", "room announce First “line”.\nSecond line.")
    assert "First “line”.\n" in preview
    assert "Second line." in preview


@pytest.mark.parametrize(
    "typed", ["safe?", "safe now?", "is it safe", "safe for you", "cannot talk about it"]
)
async def test_what_only_begins_with_safe_does_not_say_so(stage, typed):
    """A question, or a sentence that begins with the word, is not the answer of somebody who is safe."""
    await stage.member("amber-heron")
    (said,) = await stage.say("amber-heron", typed)
    assert "did not understand" in said
    (meant,) = await stage.say("amber-heron", "I am safe!")
    assert "did not understand" not in meant


async def test_a_database_that_is_away_for_a_moment_loses_no_word(stage):
    """The homeserver does not tell it again, and it may be a call for help."""
    await stage.member("amber-heron")
    real, failing = stage.hearing.work, 2

    def work():
        nonlocal failing
        failing -= 1
        if failing >= 0:
            raise ConnectionError
        return real()

    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    away = replace(stage.hearing, work=work)
    message = stage.message("amber-heron", "language vi")
    await Dispatcher(Actor.DESK, Where.CHAT, away, sleep).hear(message)
    assert (await stage.look("amber-heron")).language == "vi"
    assert len(pauses) == 1
    assert len(await stage.said(message.room_id)) == 1
