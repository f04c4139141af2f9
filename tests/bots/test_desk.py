"""The desk: one chat a member, a welcome that can be read, answers only to those who count."""

from dataclasses import replace
from functools import partial

import pytest

from banyan.domain.effects import Actor, Effect, EffectState
from banyan.domain.rooms import LOCATOR
from banyan.services.chats import Chats
from banyan.services.roster import Roster
from banyan.services.traces import Traces
from bots.client import Membership, Message, Report, ReportKind, Trust
from bots.commands import DESK
from bots.desk import Desk
from bots.dispatch import Dispatcher
from bots.outgoing import Outgoing
from policies.placement import rooms_now
from tests.bots.fake_client import FakeClient, FakeRoom
from tests.fakes import NOON, FakeVault


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def chats(work, accounts, network):
    return Chats(work, accounts, Roster(work, accounts, partial(rooms_now, network)))


@pytest.fixture
def desk(client, clock, work, chats):
    return Desk(client, Outgoing(client, clock), chats, FakeVault(), Traces(work, clock))


@pytest.fixture
async def member(members, rooms, work):
    """Somebody who has registered; their chat is asked for and not made yet."""
    invited = await members.invite("KH", language="km")
    await members.register(invited.token, "a long enough passphrase", "km")
    (admitted,) = await members.list()
    return admitted


def asking(member, accounts):
    payload = {"member_id": member.id, "user_id": accounts.member(member.localpart)}
    return Effect("e1", 1, Actor.DESK, "open_chat", payload, "", None, EffectState.QUEUED, NOON)


async def test_a_chat_is_made_and_the_gate_asked_to_join_the_member(desk, client, member, accounts, effects):
    """Encrypted, direct, forward-only; then the table, then the join."""
    result = await desk.open_chat(asking(member, accounts))
    made = client.rooms[result["room_id"]].state
    assert made["m.room.encryption"] == {"algorithm": "m.megolm.v1.aes-sha2"}
    assert made["m.room.history_visibility"] == {"history_visibility": "joined"}
    assert made["asked"]["is_direct"]
    user_id = accounts.member(member.localpart)
    assert made["asked"]["invite"] == [user_id]
    done = [(kind, payload.get("room_ids")) for kind, payload in await effects(Actor.GATE, user_id)]
    assert done[-2:] == [("allow", [result["room_id"]]), ("admit", None)]


async def test_a_death_after_creation_makes_no_second_chat(desk, client, member, accounts):
    """The room that an attempt made before it died is found by its locator, which says nothing."""
    client.dies_after_creating = True
    with pytest.raises(ConnectionError):
        await desk.open_chat(asking(member, accounts))
    again = replace(asking(member, accounts), attempts=1, first_attempt=NOON)
    await desk.open_chat(again)
    await desk.open_chat(again)
    assert len(client.rooms) == 1
    (room,) = client.rooms.values()
    assert member.localpart not in str(room.state[LOCATOR])


async def test_welcomed_once_they_can_read_it(desk, client, member, accounts, effects):
    """Not without a device of theirs, not before they are in the chat; then once, whatever comes first."""
    user_id = accounts.member(member.localpart)
    room_id = (await desk.open_chat(asking(member, accounts)))["room_id"]
    joined = Membership(room_id, user_id, "join", client.user_id)
    has_device = Report(ReportKind.REACHABLE, user_id=user_id)

    client.devices.people = {user_id}
    await desk.reported(has_device)
    assert await effects(Actor.DESK, room_id) == []
    client.devices.people = set()
    client.rooms[room_id] = FakeRoom(room_id, frozenset({client.user_id, user_id}))
    await desk.joined(joined)
    assert await effects(Actor.DESK, room_id) == []
    client.devices.people = {user_id}
    for _ in range(2):
        await desk.reported(has_device)
        await desk.joined(joined)
        await desk.catch_up()
    assert [kind for kind, _ in await effects(Actor.DESK, room_id)] == ["welcome"]


@pytest.fixture
def hear(work, chats, clock):
    return Dispatcher(Actor.DESK, DESK, work, chats, clock).hear


@pytest.fixture
async def asked(desk, member, accounts):
    """A message with the word for help in the member's own chat, as it ought to be."""
    room_id = (await desk.open_chat(asking(member, accounts)))["room_id"]
    return Message(
        room_id=room_id,
        event_id="$asked",
        sender=accounts.member(member.localpart),
        device_id="PHONE",
        type="m.room.message",
        content={"msgtype": "m.text", "body": "help"},
        encrypted=True,
        trust=Trust.OWNER_SIGNED,
        known_since=0,
        sent_at=0,
    )


async def answers(effects, room_id):
    return [
        payload["content"]["body"] for kind, payload in await effects(Actor.DESK, room_id) if kind == "say"
    ]


async def test_help_is_answered_once_in_the_members_language(hear, asked, effects):
    """The same event again, after a crash, says nothing more."""
    await hear(asked)
    await hear(asked)
    (answer,) = await answers(effects, asked.room_id)
    assert "ខ្ញុំ" in answer


async def test_anything_unknown_brings_the_menu(hear, asked, effects):
    """Nobody is left without an answer."""
    await hear(replace(asked, content={"msgtype": "m.text", "body": "???"}))
    assert len(await answers(effects, asked.room_id)) == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"encrypted": False},
        {"trust": Trust.UNSIGNED},
        {"trust": Trust.CHANGED},
        {"trust": Trust.UNKNOWN},
        {"room_id": "!elsewhere"},
        {"sender": "@somebody-else:banyan.test"},
        {"sender": "@steward:banyan.test"},
        {"type": "m.reaction"},
        {"content": {"msgtype": "m.notice", "body": "help"}},
        {"content": {"msgtype": "m.text", "body": ["help"]}},
        {"content": {}},
    ],
    ids=str,
)
async def test_what_the_homeserver_could_forge_does_not_count(hear, asked, effects, forged):
    """Plaintext, other devices, other people, other rooms, other things than words: no answer."""
    await hear(replace(asked, **forged))
    assert await answers(effects, asked.room_id) == []
