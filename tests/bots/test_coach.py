"""The first steps: one at a time, by any digits, over restarts and days, with one reminder at most."""

from dataclasses import replace

import pytest

from banyan.domain.effects import Actor
from banyan.store import SqlWork, open_store
from bots.commands import TABLE
from bots.interpreter import Interpreter
from tests.banyan.stores import sqlite_url

NAME = "amber-heron"
STEPS = ("Step 2 of 5", "Step 3 of 5", "Step 4 of 5", "Step 5 of 5")


@pytest.fixture
def reminders(work, clock):
    """What the desk would say that was put off, now."""

    async def due():
        async with work.reading() as tx:
            found = await tx.outbox.due(Actor.DESK, clock.now(), 99)
        return [each.payload["content"] for each in found if each.kind == "say" and not each.lane]

    return due


async def test_the_whole_course_by_digits(stage):
    """Every step leads to the next, and the last tells what the rooms are for."""
    await stage.member(NAME)
    (first,) = await stage.say(NAME, "start")
    assert "which language" in first
    for step, digit in zip(STEPS, "1111", strict=True):
        (said,) = await stage.say(NAME, digit)
        assert step in said
    (end,) = await stage.say(NAME, "1")
    assert "last step" in end
    assert "Juniper rain: safety messages" in end
    (menu,) = await stage.say(NAME, "1")
    assert "did not understand" in menu


async def test_the_language_is_changed_by_the_first_step(stage):
    """The next step is asked in the language that was just chosen."""
    await stage.member(NAME)
    await stage.say(NAME, "begin")
    (said,) = await stage.say(NAME, "tiếng việt")
    assert (await stage.look(NAME)).language == "vi"
    assert "Tiếng Việt" in said


@pytest.mark.parametrize(
    ("word", "how"), [("device", "compare"), ("recovery key", "by hand"), ("lock screen", "Show Previews")]
)
async def test_how_is_explained_and_asked_again(stage, word, how):
    """Each step can be begun by its own word."""
    await stage.member(NAME)
    (asked,) = await stage.say(NAME, word)
    assert how not in asked
    (explained,) = await stage.say(NAME, "၂")
    assert how in explained
    assert asked in explained
    (following,) = await stage.say(NAME, "Done!")
    assert asked not in following


async def test_in_burmese_with_burmese_digits_over_a_restart(stage, tmp_path, clock, ids):
    """Everything of ours starts anew in the middle, and two days pass: the digit is still an answer."""
    await stage.member(NAME, language="my")
    await stage.say(NAME, "start")
    await stage.say(NAME, "၆")
    assert (await stage.look(NAME)).language == "my"
    engine = open_store(sqlite_url(tmp_path))
    stage.hearing = replace(
        stage.hearing, work=SqlWork(engine, clock, ids), interpreter=Interpreter(type(TABLE)(TABLE.commands))
    )
    clock.forward(days=2)
    for _ in STEPS:
        assert len(await stage.say(NAME, "၁")) == 1
    said = await stage.said(f"!chat-{NAME}")
    assert "Juniper rain" in said[-1]
    await engine.dispose()


async def test_a_step_waits_a_week(stage, clock):
    """A digit of eight days later answers nothing."""
    await stage.member(NAME)
    await stage.say(NAME, "recovery key")
    clock.forward(days=6, hours=23)
    assert "by hand" in (await stage.say(NAME, "2"))[0]
    clock.forward(days=8)
    assert "did not understand" in (await stage.say(NAME, "2"))[0]


async def test_later_stops_and_reminds_once(stage, clock, reminders):
    """A day later, not before; never a second time, whatever is put off again."""
    await stage.member(NAME)
    await stage.say(NAME, "recovery key")
    (stopped,) = await stage.say(NAME, "3")
    assert "tomorrow" in stopped
    assert "did not understand" in (await stage.say(NAME, "1"))[0]
    clock.forward(hours=23)
    assert await reminders() == []
    clock.forward(hours=1)
    (reminder,) = await reminders()
    assert "“recovery key”" in reminder["body"]
    assert reminder["msgtype"] == "m.text"
    await stage.say(NAME, "start")
    (again,) = await stage.say(NAME, "Later")
    assert "tomorrow" not in again
    assert len(await reminders()) == 1


async def test_who_finishes_is_not_reminded(stage, clock, reminders):
    """What was put off and then done is no longer asked for."""
    await stage.member(NAME)
    await stage.say(NAME, "device")
    await stage.say(NAME, "3")
    await stage.say(NAME, "last step")
    await stage.say(NAME, "no")
    clock.forward(days=2)
    assert await reminders() == []


async def test_a_waiting_reminder_holds_nobody_up(stage, work, clock):
    """What is said in the same chat meanwhile does not wait for tomorrow."""
    await stage.member(NAME)
    await stage.say(NAME, "device")
    await stage.say(NAME, "3")
    await stage.say(NAME, "help")
    async with work() as tx:
        for _ in range(9):
            for each in await tx.outbox.due(Actor.DESK, clock.now(), 99):
                await tx.outbox.done(each.id, clock.now(), {})
        left = await tx.outbox.due(Actor.DESK, clock.now(), 99)
    assert left == []


async def test_the_menu_names_the_beginning_and_no_step(stage):
    """Five more lines would hide what people look for."""
    await stage.member(NAME)
    (menu,) = await stage.say(NAME, "help")
    assert "Go through the first steps again" in menu
    assert "Set up a recovery key" not in menu
