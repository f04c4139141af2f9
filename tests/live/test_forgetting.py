"""A member's chat with the desk in a real Synapse, behind the gate: what is left of it a day later."""

from contextlib import asynccontextmanager

import pytest

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member as Person
from banyan.domain.people import MemberStatus, Placement
from banyan.services.chats import Chats
from banyan.services.roster import Roster
from banyan.services.traces import ORDINARY, SHORT, Traces, forget_event
from bots.client import Trust, login_password
from bots.client.client import Client
from bots.desk import Desk
from bots.outgoing import Outgoing
from bots.polls import POLL, RESPONSE, answers_of, poll
from tests.bots.client.parties import PICKLE_KEY, OpenRoster, Party, Stage
from tests.fakes import FakeVault
from tests.live.homeserver import started_homeserver

pytestmark = pytest.mark.live

NAME = "amber-heron"
WORDS = {"msgtype": "m.text", "body": "the room with the blue door", "m.mentions": {}}


@asynccontextmanager
async def phone(homeserver, member, directory):
    """The member's own client, verified as Element's would be."""
    store = directory / "phone.db"
    credentials = await login_password(
        homeserver_url=homeserver.url,
        user_id=member.user_id,
        password=member.password,
        secrets=directory / "phone",
        store=store,
        pickle_key=PICKLE_KEY,
    )
    roster = OpenRoster()
    roster.client = await Client.open(
        homeserver_url=homeserver.url,
        credentials=credentials,
        store=store,
        pickle_key=PICKLE_KEY,
        roster=roster,
    )
    party = Party(roster.client, roster)
    party.listen()
    party.start()
    try:
        await party.heard_all()
        yield party
    finally:
        await party.stop()


async def begun(work, clock):
    """An effect of the desk that is being carried out."""
    async with work() as tx:
        effect_id = await tx.outbox.put(NewEffect(Actor.DESK, "ask", {}))
        due = await tx.outbox.due(Actor.DESK, clock.now(), 100)
        await tx.outbox.done(effect_id, clock.now(), {})
    return [effect for effect in due if effect.id == effect_id]


async def carry_out(work, clock, desk):
    """Drain what is due for the desk, in order, once; the results."""
    async with work() as tx:
        due = await tx.outbox.due(Actor.DESK, clock.now(), 100)
        await tx.outbox.begin([effect.id for effect in due], clock.now(), "DEVICE")
    results = [await desk.handlers[effect.kind](effect) for effect in due]
    async with work() as tx:
        for effect, result in zip(due, results, strict=True):
            await tx.outbox.done(effect.id, clock.now(), result)
    return results


async def contents(member, room_id):
    """What the server still has of the chat: type and content of all that is neither state nor redaction."""
    answer = await member.matrix.request(
        "GET", "/rooms/{}/messages", room_id, params={"dir": "b", "limit": "100"}
    )
    return [
        (event["type"], event["content"])
        for event in answer["chunk"][::-1]
        if "state_key" not in event and event["type"] != "m.room.redaction"
    ]


async def test_nothing_is_left_of_the_chat_a_day_later(tmp_path, work, clock, accounts, network):
    """Words, questions, taps and reactions of both sides are gone from the server; legends after minutes."""
    chats = Chats(work, accounts, Roster(work, accounts, network))
    async with work() as tx:
        await tx.members.add(Person("m1", NAME, Placement("KH"), "km", MemberStatus.ADMITTED))
    async with started_homeserver(tmp_path / "home") as homeserver, homeserver.clients():
        stage = Stage(homeserver.url, homeserver.server_name, homeserver.as_token("speakers"), tmp_path)
        member = await homeserver.member(NAME, [await homeserver.grow_room()])
        async with stage.party("desk") as bot, phone(homeserver, member, tmp_path) as person:
            traces = Traces(work, clock)
            desk = Desk(bot.client, Outgoing(bot.client, clock), chats, FakeVault(), traces)

            async def ask(kind, **payload):
                async with work() as tx:
                    await tx.outbox.put(NewEffect(Actor.DESK, kind, payload, secret=True))
                return (await carry_out(work, clock, desk))[0]

            chat = (await ask("open_chat", member_id="m1", user_id=member.user_id))["room_id"]
            homeserver.gate.allow(member.user_id, [chat])
            await homeserver.admit(member.user_id)
            await bot.until(lambda: desk.reads(chat, member.user_id))

            legend = await ask("say", room_id=chat, content=WORDS, lasts=SHORT.total_seconds())
            question = poll("Are you safe?", [("7c41", "I am safe"), ("e0d2", "I need help")])
            (effect,) = await begun(work, clock)
            asked = await desk.speak(effect, chat, question, type=POLL)
            await desk.speak(effect, chat, WORDS, part="-follow")
            await person.until(lambda: len(person.messages) == 3)
            assert [message.type for message in person.messages] == ["m.room.message", POLL, "m.room.message"]

            await person.say(chat, "help")
            tap = {
                "m.relates_to": {"rel_type": "m.reference", "event_id": asked},
                RESPONSE: {"answers": ["7c41"]},
            }
            await person.client.send(chat, tap, txn_id="tap", type=RESPONSE)
            reaction = await person.client.react(chat, legend["event_id"], "✅", txn_id="reaction")
            await bot.until(lambda: len(bot.messages) == 3)
            said, tapped, reacted = bot.messages
            assert answers_of(tapped) == ["7c41"]
            assert {said.trust, tapped.trust} == {Trust.OWNER_SIGNED}
            assert reacted.content["m.relates_to"]["event_id"] == legend["event_id"]
            async with work() as tx:
                for message in bot.messages:
                    await forget_event(tx, chat, message.event_id, clock.now() + ORDINARY)

            assert {} not in [content for _, content in await contents(member, chat)]
            clock.forward(minutes=10)
            await carry_out(work, clock, desk)
            left = await contents(member, chat)
            assert [content for _, content in left].count({}) == 1
            assert left[0] == ("m.room.encrypted", {})

            await person.client.redact(chat, reaction, txn_id="withdrawn")
            await bot.until(lambda: bot.messages[-1].content == {"redacts": reaction})
            clock.forward(hours=24)
            await carry_out(work, clock, desk)
            assert [content for _, content in await contents(member, chat)] == [{}] * 6
