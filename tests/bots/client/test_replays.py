"""The server cannot have us read anew what was read, by saying that we were away; nor fill our store."""

from collections import defaultdict

import pytest

from bots.client import megolm
from bots.client.megolm import OutboundGroupSession
from bots.client.olm import MEGOLM
from bots.client.wrapping import EVERY_MS
from tests.waiting import until

DAY = 24 * 3600


async def rest(now, bot, *, seconds):
    """Let time pass, with one pass over the keys at its end."""
    now[0] += seconds
    bot.client._forgetting.heard()
    await until(lambda: not bot.client._forgetting._wrapping.due, every=0)


def with_the_last_key(fake):
    """Whoever begins a session gets the fallback key: it opens first letters as often as they come."""
    claim = fake.claim_keys

    def last(request):
        kept, fake.one_time = fake.one_time, defaultdict(dict)
        try:
            return claim(request)
        finally:
            fake.one_time = kept

    fake.claim_keys = last


def first_letter(fake, sender, taker):
    """What `sender` sent to the device of `taker` first."""
    bodies = (body["messages"] for _, path, body in fake.requests if "/sendToDevice/m.room.enc" in path)
    mine = next(body[taker.user_id] for body in bodies if taker.user_id in body)
    return taker.user_id, taker.client.device_id, sender.user_id, "m.room.encrypted", mine.popitem()[1]


async def out_and_in_again(fake, room_id, bot, other):
    """Say that the bot is out, and that the other has no device any more; then that all is as before."""
    fake.membership(room_id, bot.user_id, "leave")
    account = fake.accounts[other.user_id]
    devices, account.devices = account.devices, {}
    fake.touch(other.user_id)
    await fake.caught_up(bot.user_id)
    await bot.client.devices.refresh([other.user_id])
    assert bot.client._store.rows("SELECT * FROM olm_session") == []
    account.devices = devices
    fake.touch(other.user_id)
    fake.membership(room_id, bot.user_id, "join")
    await fake.caught_up(bot.user_id)


@pytest.mark.parametrize("days", [0, 2, 12], ids=["read", "turned", "spent"])
async def test_nothing_comes_back_through_a_room_that_we_are_said_to_have_left(party, fake, now, days):
    """Not even when the letter that brought the key can be opened once more."""
    with_the_last_key(fake)
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        await teak.say(room_id, "freeze amber-heron")
        await lotus.hears("freeze amber-heron")
        await fake.caught_up(lotus.user_id)
        letter, (said,) = first_letter(fake, teak, lotus), fake.ciphertexts(room_id)
        for _ in range(int(days * DAY * 1000 / EVERY_MS)):
            await rest(now, lotus, seconds=EVERY_MS / 1000)
        for _ in range(2):
            await out_and_in_again(fake, room_id, lotus, teak)
            fake.send_to_device(*letter)
            fake.add(room_id, teak.user_id, "m.room.encrypted", said)
            await fake.caught_up(lotus.user_id)
            assert lotus.bodies() == ["freeze amber-heron"]
        left = {row[0] for row in lotus.client._store.rows("SELECT room_id FROM spent_key")}
        assert left == {""}  # of a room we were in, only that a key was used


async def idle_keys(giver, taker, room_id, count):
    """Send somebody keys with which nothing will be said."""
    device = giver.client.devices.find(taker.user_id, taker.client._olm.curve25519)
    for _ in range(count):
        key = OutboundGroupSession()
        content = {"algorithm": MEGOLM, "room_id": room_id, "session_id": key.id}
        content["session_key"] = key.session_key
        _, letters = giver.client._olm.encrypt([device], "m.room_key", content)
        await giver.client._sharing._send_to_device(letters)


async def test_keys_without_end_fill_no_disk(party, fake, monkeypatch):
    """Somebody's own messages suffer, when they send so many; nobody else's, and nowhere else."""
    monkeypatch.setattr(megolm, "MOST_UNUSED", 5)
    async with party("b_lotus") as lotus, party("b_teak") as teak, party("b_reed") as reed:
        people = (teak.user_id, lotus.user_id, reed.user_id)
        room_id, elsewhere = fake.room(*people), fake.room(*people)
        await teak.say(room_id, "hello")
        await lotus.hears("hello")
        await idle_keys(teak, lotus, room_id, 9)
        await fake.caught_up(lotus.user_id)
        sql = "SELECT 1 FROM room_key WHERE room_id = ? AND sender = ?"
        assert len(lotus.client._store.rows(sql, room_id, teak.user_id)) == 1 + 5
        for party_, room, said in (
            (teak, room_id, "again"),
            (reed, room_id, "me too"),
            (teak, elsewhere, "hi"),
        ):
            await party_.say(room, said)
            await lotus.hears(said)


async def test_keys_that_open_nothing_leave_nothing(party, fake, now):
    """Somebody sends a thousand keys and says nothing with them: once idle for long enough they are gone."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        await teak.say(room_id, "hello")
        await lotus.hears("hello")
        await idle_keys(teak, lotus, room_id, 20)
        store = lotus.client._store
        await until(lambda: len(store.rows("SELECT 1 FROM room_key")) == 21)
        await fake.caught_up(lotus.user_id)
        for _ in range(10 * 4):
            await rest(now, lotus, seconds=EVERY_MS / 1000)
        assert store.rows("SELECT 1 FROM room_key") == []
        assert len(store.rows("SELECT 1 FROM spent_key")) == 1
