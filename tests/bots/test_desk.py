"""The desk: one chat a member, whatever dies in between."""

from dataclasses import replace

import pytest

from banyan.domain.effects import Actor, Effect, EffectState
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import LOCATOR
from banyan.services.chats import Chats
from banyan.services.outbox import Never
from banyan.services.roster import Roster
from banyan.services.traces import Traces
from bots.desk import Desk
from bots.outgoing import Outgoing
from tests.bots.fake_client import FakeClient
from tests.fakes import NOON, FakeVault


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def chats(work, accounts, network):
    return Chats(work, accounts, Roster(work, accounts, network))


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


async def test_no_chat_for_somebody_frozen_meanwhile(desk, client, member, accounts, work):
    """Nothing is made, and nothing is tried for ever."""
    async with work() as tx:
        await tx.members.set_status(member.id, MemberStatus.FROZEN)
    with pytest.raises(Never, match="not-admitted"):
        await desk.open_chat(asking(member, accounts))
    assert not client.rooms
