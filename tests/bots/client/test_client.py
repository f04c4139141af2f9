"""Sending, receiving, stopping and starting: what those who use the client rely on."""

import asyncio
import logging

import pytest

from banyan.errors import HomeserverDown
from bots.client import (
    Client,
    Credentials,
    KeyPolicy,
    MatrixError,
    NotEncrypted,
    StoreInUse,
    Trust,
    Unauthorized,
    WrongStore,
)
from bots.client.store import Store
from tests.bots.client.parties import PICKLE_KEY, OpenRoster

OTHER = "@teak:fake.test"
TEXT = {"msgtype": "m.text", "body": "x"}


async def test_what_one_says_the_other_hears(stage, fake):
    """An encrypted message arrives with the trust of its sender's signed device; no server reads it."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        event_id = await lotus.say(room_id, "good morning")
        heard = await teak.hears("good morning")
    assert (heard.event_id, heard.encrypted, heard.trust) == (event_id, True, Trust.OWNER_SIGNED)
    assert heard.device_id == lotus.client.device_id
    assert "good morning" not in str(fake.requests)


async def test_nothing_leaves_in_clear(stage, fake):
    """Neither into a room that is not encrypted, nor into one whose encryption is denied later."""
    async with stage.party("b_lotus") as lotus:
        never = fake.room(lotus.user_id, encryption=None)
        once = fake.room(lotus.user_id)
        with pytest.raises(NotEncrypted):
            await lotus.say(never, "not sent")
        await lotus.say(once, "x")
        await fake.caught_up(lotus.user_id)
        fake.add(once, lotus.user_id, "m.room.encryption", {}, state_key="")
        fake.add(never, lotus.user_id, "m.room.encryption", {"algorithm": "rot13"}, state_key="")
        await fake.caught_up(lotus.user_id)
        await lotus.say(once, "still encrypted")
        with pytest.raises(NotEncrypted):
            await lotus.say(never, "not sent")
    assert "m.room.message" not in {event["type"] for event in fake.events[never] + fake.events[once]}


async def test_a_room_that_is_meant_to_be_in_clear_is(stage, fake):
    """Only when the roster says so; reactions are in clear everywhere."""
    async with stage.party("b_lotus", policy=KeyPolicy.PLAIN) as lotus:
        room_id = fake.room(lotus.user_id, encryption=None)
        await lotus.say(room_id, "in clear")
        lotus.roster.rule = KeyPolicy.OWNER_SIGNED
        await lotus.client.react(room_id, "$e", "👍", txn_id="r")
    assert [event["type"] for event in fake.events[room_id][-2:]] == ["m.room.message", "m.reaction"]


async def test_the_same_transaction_is_one_message(stage, fake):
    """A caller that does not know whether it was sent asks again with the same id."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id)
        first = await lotus.client.send(room_id, TEXT, txn_id="t")
        assert await lotus.client.send(room_id, TEXT, txn_id="t") == first
    assert len(fake.ciphertexts(room_id)) == 1


async def test_our_own_messages_are_found_by_what_stands_beside_them(stage, fake):
    """However far back, as long as it is not before the time given."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id)
        event_id = await lotus.client.send(room_id, TEXT, txn_id="t", beside={"x.outbox": "o1"})
        for number in range(250):
            fake.add(room_id, OTHER, "m.room.message", {"x.outbox": "o1", "body": str(number)})
        find = lotus.client.find_own
        assert await find(room_id, "x.outbox", "o1", not_before_ms=0) == event_id
        assert await find(room_id, "x.outbox", "o2", not_before_ms=0) is None
        assert await find(room_id, "x.outbox", "o1", not_before_ms=4_000_000_000_100) is None


async def test_relations_stand_in_clear_and_inside(stage, fake):
    """The homeserver needs them to group; the reader is told which it is."""
    relation = {"rel_type": "m.thread", "event_id": "$root"}
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await lotus.client.send(room_id, TEXT | {"m.relates_to": relation}, txn_id="1")
        sealed = fake.ciphertexts(room_id)[0]
        assert sealed["m.relates_to"] == relation
        assert not (await teak.hears("x")).relation_in_clear
        put = fake.put_event

        def relate(request):
            request.body["m.relates_to"] = relation
            return put(request)

        fake.put_event = relate
        await lotus.say(room_id, "y")
        assert (await teak.hears("y")).relation_in_clear


async def test_messages_survive_a_crash_of_their_handler_s_process(stage, fake):
    """What was not handled before the end is told again: the token is kept last."""
    lotus = await stage.open("b_lotus")
    room_id = fake.room(lotus.user_id, OTHER, encryption=None)
    reached, never = asyncio.Event(), asyncio.Event()

    async def dies(message):
        reached.set()
        await never.wait()

    lotus.client.handlers.message.insert(0, dies)
    fake.add(room_id, OTHER, "m.room.message", TEXT)
    lotus.start()
    await reached.wait()
    await lotus.stop()
    async with stage.party("b_lotus") as lotus:
        await lotus.hears("x")


async def test_messages_of_one_room_keep_their_order_and_rooms_do_not_wait(stage, fake):
    """A slow handler holds up its own room only."""
    lotus = await stage.open("b_lotus")
    slow, quick = (fake.room(lotus.user_id, OTHER, encryption=None) for _ in range(2))
    go_on = asyncio.Event()

    async def waits(message):
        if message.room_id == slow:
            await go_on.wait()

    lotus.client.handlers.message.insert(0, waits)
    for body in ("1", "2", "3"):
        fake.add(slow, OTHER, "m.room.message", {"msgtype": "m.text", "body": body})
    fake.add(quick, OTHER, "m.room.message", {"msgtype": "m.text", "body": "quick"})
    lotus.start()
    await lotus.hears("quick")
    go_on.set()
    await lotus.hears("3")
    await lotus.stop()
    assert lotus.bodies() == ["quick", "1", "2", "3"]


async def test_a_refused_token_is_replaced_once(stage, fake):
    """The same device logs in again and goes on, whatever request noticed it."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id)
        logins = fake.count("POST .*/login")
        for token in [t for t, who in fake.tokens.items() if who[0] == lotus.user_id]:
            del fake.tokens[token]
        await asyncio.gather(*(lotus.say(room_id, str(number)) for number in range(5)))
        assert fake.count("POST .*/login") == logins + 1
    assert len({who[1] for who in fake.tokens.values() if who[0] == lotus.user_id}) == 1


async def test_a_device_the_homeserver_lost_is_published_again(stage, fake):
    """Logging in again puts keys and signature back; what others say is read on."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        mine = (lotus.user_id, lotus.client.device_id)
        del fake.accounts[lotus.user_id].devices[lotus.client.device_id]
        fake.one_time[mine].clear()
        fake.fallback.pop(mine)
        fake.fallback_unused.discard(mine)
        for token in [t for t, who in fake.tokens.items() if who == mine]:
            del fake.tokens[token]
        fake.touch(lotus.user_id)
        await fake.until(lambda: len(fake.one_time[mine]) == 50)
        await fake.caught_up(lotus.user_id, teak.user_id)
        await teak.say(room_id, "there you are")
        await lotus.hears("there you are")
        await lotus.say(room_id, "here I am")
        assert (await teak.hears("here I am")).trust is Trust.OWNER_SIGNED


async def test_an_account_that_cannot_log_in_stops(stage, fake):
    """Instead of asking for ever; whoever runs it is told."""
    lotus = await stage.open("b_lotus")
    fake.tokens = {token: who for token, who in fake.tokens.items() if who[0] != lotus.user_id}
    fake.fail("POST .*/login", times=1000, status=403)
    lotus.start()
    with pytest.raises(Unauthorized):
        await lotus.task
    await lotus.client.close()
    assert fake.count("POST .*/login") == 2  # the provisioning's, and one attempt


async def test_two_processes_do_not_share_a_store(stage, fake):
    """Two would use one ratchet twice."""
    async with stage.party("b_lotus"):
        with pytest.raises(StoreInUse):
            Store(stage.store("b_lotus"))


@pytest.mark.parametrize("wrong", ["user_id", "device_id", "pickle_key"])
async def test_a_store_opens_for_its_own_device_only(stage, fake, wrong):
    """And with its own pickle key; afterwards nobody holds it."""
    credentials = await stage.provision("b_lotus")
    parts = {"user_id": credentials.user_id, "device_id": credentials.device_id, "pickle_key": PICKLE_KEY}
    parts[wrong] += "x"
    with pytest.raises(WrongStore):
        await Client.open(
            homeserver_url=fake.url,
            credentials=Credentials(parts["user_id"], parts["device_id"], credentials.access_token),
            store=stage.store("b_lotus"),
            pickle_key=parts["pickle_key"],
            roster=OpenRoster(),
        )
    await stage.provision("b_lotus")


async def test_errors_and_logs_name_nobody(stage, fake, caplog, capsys):
    """Neither rooms' members nor what they wrote reach a log line or an exception's text."""
    caplog.set_level(logging.DEBUG)
    secret = "the meeting is at noon"

    async def fails(message):
        raise ValueError(message.content["body"])

    async with stage.party("b_lotus", patience=0.1) as lotus, stage.party("b_teak") as teak:
        lotus.client.on_message(fails)
        room_id = fake.room(lotus.user_id, teak.user_id)
        await teak.say(room_id, secret)
        await lotus.hears(secret)
        fake.fail("PUT .*/send/", times=1000, drop=True)
        with pytest.raises(HomeserverDown) as down:
            await lotus.say(room_id, secret)
        fake.faults.clear()
        with pytest.raises(MatrixError) as refused:
            await lotus.client.invite(room_id, OTHER)
    written = capsys.readouterr()
    for text in (caplog.text, written.out, written.err, str(down.value), repr(refused.value)):
        assert secret not in text
        assert "@" not in text
