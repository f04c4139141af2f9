"""A newcomer is greeted once they can read it, and the greeting is the beginning of a conversation."""

from dataclasses import dataclass, field

import pytest

from banyan.domain.effects import Actor
from banyan.domain.people import MemberStatus
from banyan.services.chats import Chats
from banyan.services.roster import Roster
from bots.client import Membership, Report, ReportKind
from bots.welcoming import Welcome

NAME = "amber-heron"
CHAT = f"!chat-{NAME}"


@dataclass
class Readers:
    """Who can read what, as the desk's client knows."""

    pairs: set[tuple[str, str]] = field(default_factory=set)

    def reads(self, room_id, user_id):
        return (room_id, user_id) in self.pairs


@pytest.fixture
def readers():
    return Readers()


@pytest.fixture
def welcome(readers, work, accounts, network, hearing):
    chats = Chats(work, accounts, Roster(work, accounts, network))
    return Welcome(readers, chats, hearing)


async def arrive(welcome, stage, readers):
    """Everything that tells of a newcomer, twice over."""
    user_id = stage.hearing.accounts.member(NAME)
    readers.pairs.add((CHAT, user_id))
    for _ in range(2):
        await welcome.joined(Membership(CHAT, user_id, "join", "@desk:banyan.test"))
        await welcome.reported(Report(ReportKind.REACHABLE, user_id=user_id))
        await welcome.catch_up()


async def test_nothing_is_said_to_who_cannot_read_it(stage, welcome, readers):
    """No device or not in the chat: it waits. Then it comes once, whatever tells of them first."""
    await stage.member(NAME)
    await welcome.joined(Membership(CHAT, stage.hearing.accounts.member(NAME), "join", "@desk:banyan.test"))
    await welcome.catch_up()
    assert await stage.said(CHAT) == []
    await arrive(welcome, stage, readers)
    assert len(await stage.said(CHAT)) == 1


async def test_the_welcome_rings_is_short_and_ends_with_a_numbered_question(stage, welcome, readers):
    """Their name, no secret asked for, the first step; in the language they joined in."""
    await stage.member(NAME)
    await arrive(welcome, stage, readers)
    ((kind, payload),) = await stage.effects(Actor.DESK, CHAT)
    content = payload["content"]
    assert (kind, content["msgtype"], content["m.mentions"]) == ("say", "m.text", {})
    assert f"Here you are called {NAME}." in content["body"]
    assert "passphrase" in content["body"]
    assert content["body"].endswith("8. Français\n9. Later")


async def test_the_first_question_can_be_answered_at_once(stage, welcome, readers):
    """It was written together with the welcome."""
    await stage.member(NAME)
    await arrive(welcome, stage, readers)
    (next_step,) = await stage.say(NAME, "1")
    assert "Step 2 of 5" in next_step


async def test_nobody_is_welcomed_who_was_frozen_meanwhile(stage, welcome, readers, work):
    """Between reading and writing somebody pulled the brake."""
    member = await stage.member(NAME)
    async with work() as tx:
        await tx.members.set_status(member.id, MemberStatus.FROZEN)
    await arrive(welcome, stage, readers)
    await welcome._chats._welcome(member.id, CHAT, welcome.greet)
    assert await stage.said(CHAT) == []


async def test_a_welcome_that_fails_is_said_later(stage, welcome, readers, monkeypatch):
    """All in one unit of work: nobody counts as welcomed who was told nothing."""
    await stage.member(NAME)
    with monkeypatch.context() as broken:
        broken.setattr("bots.welcoming.message", lambda *_args, **_more: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await arrive(welcome, stage, readers)
    assert not (await stage.look(NAME)).welcomed
    await arrive(welcome, stage, readers)
    assert len(await stage.said(CHAT)) == 1
