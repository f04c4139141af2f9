"""How an officer gets into the console."""

import re
from datetime import timedelta

from banyan.domain.effects import Actor
from banyan.services.console import LINK, SESSION
from banyan.store import tables

ELEMENT = "Element"


async def ask(stage, name="amber-heron", **where):
    """The token of the link that is said in that member's own chat; None when none is."""
    await stage.say(name, "console", **where)
    said = [payload["content"]["body"] for _, payload in await stage.effects(Actor.DESK, f"!chat-{name}")]
    found = re.findall(r"http://127\.0\.0\.1:8011/console/open/([0-9a-f]{64})\s", said[-1])
    return found[0] if found else None


async def test_the_link_is_handed_over_in_the_officers_own_chat(stage, console):
    """Also when it was asked for in a staff room; it goes with the message after ten minutes."""
    await stage.member("amber-heron", "KH", "security_officer")
    assert await stage.say("amber-heron", "console", in_="security") == [
        "I have answered you in your own chat."
    ]
    [(_, payload)] = [
        said
        for said in await stage.effects(Actor.DESK, "!chat-amber-heron")
        if "/console/open/" in said[1]["content"]["body"]
    ]
    assert payload["lasts"] == timedelta(minutes=10).total_seconds()
    for _, elsewhere in await stage.effects(Actor.STEWARD):
        assert "/console/open/" not in elsewhere["content"]["body"]


async def test_who_may_not_audit_gets_none(stage):
    """Nobody but the security staff."""
    await stage.member("teal-otter", "KH", "coordinator")
    assert await ask(stage, "teal-otter") is None


async def test_a_link_opens_once_and_is_written_down(stage, console, decisions):
    """The second who comes with it is refused; the log says who came in, in the same unit of work."""
    await stage.member("amber-heron", "KH", "security_officer")
    token = await ask(stage)
    session = await console.enter(token, ELEMENT)
    assert (await console.officer(session, ELEMENT)).localpart == "amber-heron"
    assert await console.enter(token, ELEMENT) is None
    assert [who for what, who, _ in await decisions() if what == "console-opened"] == [
        "security_officer:amber-heron"
    ]


async def test_a_link_waits_five_minutes(stage, console, clock):
    """Not a moment longer, and a late try uses it up all the same."""
    await stage.member("amber-heron", "KH", "security_officer")
    early, late = await ask(stage), await ask(stage)
    clock.time += LINK - timedelta(seconds=1)
    assert await console.enter(early, ELEMENT)
    clock.forward(seconds=1)
    assert await console.enter(late, ELEMENT) is None
    assert timedelta(minutes=5) == LINK


async def test_a_session_ends_after_half_an_hour_however_busy(stage, console, clock):
    """It is not made longer by using it."""
    await stage.member("amber-heron", "KH", "security_officer")
    session = await console.enter(await ask(stage), ELEMENT)
    for _ in range(2):
        clock.time += SESSION / 2 - timedelta(seconds=1)
        assert await console.officer(session, ELEMENT)
    clock.forward(seconds=2)
    assert await console.officer(session, ELEMENT) is None
    assert timedelta(minutes=30) == SESSION


async def test_another_browser_ends_the_session(stage, console):
    """Whoever copied the cookie gets nothing, and nobody goes on with it."""
    await stage.member("amber-heron", "KH", "security_officer")
    session = await console.enter(await ask(stage), ELEMENT)
    assert await console.officer(session, "curl") is None
    assert await console.officer(session, ELEMENT) is None


async def test_who_leaves_leaves_everywhere(stage, console):
    """Other sessions, and links that were not used."""
    await stage.member("amber-heron", "KH", "security_officer")
    unused = await ask(stage)
    sessions = [await console.enter(await ask(stage), ELEMENT) for _ in range(2)]
    await console.leave(await console.officer(sessions[0], ELEMENT))
    assert [await console.officer(each, ELEMENT) for each in sessions] == [None, None]
    assert await console.enter(unused, ELEMENT) is None


async def test_a_frozen_officer_is_out_at_once(stage, console, work):
    """A session that is open, and a link that lies in a chat on the phone that was taken."""
    officer = await stage.member("amber-heron", "KH", "security_officer")
    unused, session = await ask(stage), await console.enter(await ask(stage), ELEMENT)
    async with work() as tx:
        await stage.hearing.services.freezing.freeze(tx, officer, by="security_officer:teal-otter")
    assert await console.officer(session, ELEMENT) is None
    assert await console.enter(unused, ELEMENT) is None


async def test_who_lost_the_role_is_out_at_once(stage, console, work, roles):
    """The permission is asked for again on every page."""
    officer = await stage.member("amber-heron", "KH", "security_officer")
    unused, session = await ask(stage), await console.enter(await ask(stage), ELEMENT)
    async with work() as tx:
        await roles.take(tx, officer, "security_officer", by="operator")
    assert await console.officer(session, ELEMENT) is None
    assert await console.enter(unused, ELEMENT) is None


async def test_the_database_opens_nothing(stage, console, work):
    """Neither a link's token nor a session's stands in it; what has ended is erased when the next is made."""
    await stage.member("amber-heron", "KH", "security_officer")
    unused, session = await ask(stage), await console.enter(await ask(stage), ELEMENT)

    async def kept():
        async with work.reading() as tx:
            return [
                row
                for table in (tables.links, tables.sessions)
                for row in await tx.console._connection.execute(table.select())
            ]

    assert len(await kept()) == 2
    shown = repr(await kept())
    assert not any(secret in shown for secret in (unused, session, ELEMENT))
    stage.hearing.clock.forward(hours=1)
    await ask(stage)
    assert len(await kept()) == 1
