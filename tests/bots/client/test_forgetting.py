"""Room keys are forgotten, what is needed is not, and nothing comes back."""

import asyncio
from contextlib import closing

import pytest

from bots.client import ReportKind, forgetting
from bots.client.store import Store
from bots.client.wrapping import EVERY_MS, Wrapping
from tests.bots.client import seizure
from tests.bots.client.strangers import Stranger
from tests.waiting import until

DAY = 24 * 3600
PASS = EVERY_MS / 1000
OTHER = "@teak:fake.test"


@pytest.fixture
def key_by_key(monkeypatch):
    """So that a pass can be stopped between two keys."""
    monkeypatch.setattr(forgetting, "SLICE", 1)


async def later(now, fake, *parties, seconds):
    """Let time pass, and everybody hear that nothing was said."""
    now[0] += seconds
    await fake.caught_up(*(party.user_id for party in parties))
    for party in parties:
        party.client._forgetting.heard()
        await until(lambda party=party: not party.client._forgetting._wrapping.due, every=0)


def events(fake, room_id):
    return [event for event in fake.events[room_id] if event["type"] == "m.room.encrypted"]


def again(fake, room_id, event):
    """The homeserver shows an event once more."""
    fake.position += 1
    fake.events[room_id].append(event | {"_at": fake.position})
    fake._wake()


def unread(*parties):
    return [report for each in parties for report in each.reports if report.kind is ReportKind.UNDECRYPTABLE]


async def test_what_was_read_yesterday_cannot_be_read_again(party, fake, stage, now):
    """By whoever takes the running machine; the same key goes on reading what comes."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        for body in ("one", "two"):
            await teak.say(room_id, body)
        await lotus.hears("two")
        store = stage.store("b_lotus")
        assert all(seizure.can_read(store, content) for content in fake.ciphertexts(room_id))
        await later(now, fake, lotus, teak, seconds=1.5 * DAY)
        await teak.say(room_id, "three")
        await lotus.hears("three")
        readable = [seizure.can_read(store, content) for content in fake.ciphertexts(room_id)]
        await later(now, fake, lotus, teak, seconds=PASS)
        assert seizure.can_read(store, fake.ciphertexts(room_id)[-1])  # it is not a day old
        await teak.say(room_id, "four")
        await lotus.hears("four")
    assert readable == [False, False, True]
    assert len({content["session_id"] for content in fake.ciphertexts(room_id)}) == 1
    assert (lotus.bodies(), unread(lotus, teak)) == (["one", "two", "three", "four"], [])


async def test_no_byte_is_left(party, fake, stage, now):
    """In the file or in its journal, while the bot goes on; and a copy of an old key opens nothing."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        for number in range(3):
            await teak.say(room_id, f"said {number}")
            await lotus.say(room_id, f"answer {number}")
        await lotus.hears("said 2")
        await fake.caught_up(lotus.user_id)
        store = stage.store("b_lotus")
        before = seizure.secrets(store)
        (pickle,) = seizure.rows(store, "SELECT pickle FROM room_key")[0]
        said = next(event["content"] for event in events(fake, room_id) if event["sender"] == teak.user_id)
        assert seizure.opens(store, pickle, said)
        found = [piece for piece in before if piece in seizure.raw(store)]
        assert len(found) > 0.9 * len(before)  # the others lie across two pages
        await later(now, fake, lotus, seconds=1.5 * DAY)
        assert not [piece for piece in before if piece in seizure.raw(store)]
        assert not seizure.opens(store, pickle, said)


async def test_what_is_not_handled_is_not_forgotten(party, fake, now):
    """We died over a message two days ago: it is read again, and handled."""
    stuck = asyncio.Event()

    async def never(message):
        stuck.set()
        await asyncio.Event().wait()

    async with party("b_teak") as teak:
        async with party("b_lotus") as lotus:
            lotus.client.handlers.message.insert(0, never)
            room_id = fake.room(teak.user_id, lotus.user_id)
            await teak.say(room_id, "approve 417")
            await stuck.wait()
        assert lotus.bodies() == []
        now[0] += 2 * DAY
        async with party("b_lotus") as lotus:
            await lotus.hears("approve 417")
        assert unread(lotus) == []


async def test_after_days_away_everything_is_read(stage, party, fake, now):
    """Long enough for a key to be idle by the calendar, or by a clock gone wrong: only listening counts."""
    async with stage.party("b_teak", clock=lambda: 4_000_000_000.0) as teak:
        async with party("b_lotus") as lotus:
            room_id = fake.room(teak.user_id, lotus.user_id)
            await teak.say(room_id, "before")
            await lotus.hears("before")
            await fake.caught_up(lotus.user_id)
        await teak.say(room_id, "meanwhile")
        now[0] += 30 * DAY
        async with party("b_lotus") as lotus:
            await lotus.hears("meanwhile")
            held = lotus.client._store.rows("SELECT session_id FROM room_key")
            await later(now, fake, lotus, seconds=PASS)
            await teak.say(room_id, "later")
            await lotus.hears("later")
            assert set(held) <= set(lotus.client._store.rows("SELECT session_id FROM room_key"))
    assert unread(lotus) == []


@pytest.mark.parametrize("period_ms", [DAY * 1000, None], ids=["a day", "as usual"])
async def test_an_idle_key_is_spent(party, fake, stage, now, period_ms):
    """After its sender's time and a day of silence; then a new one comes, and the talk goes on."""
    encryption = {"algorithm": "m.megolm.v1.aes-sha2"} | (
        {"rotation_period_ms": period_ms} if period_ms else {}
    )
    days = 2 if period_ms else 8
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id, encryption=encryption)
        await teak.say(room_id, "one")
        await lotus.hears("one")
        store = stage.store("b_lotus")

        def held():
            return seizure.rows(store, "SELECT session_id FROM room_key")

        await later(now, fake, lotus, seconds=DAY)  # what was read is handled, from here on it is idle
        for _ in range(int(days * DAY / PASS) - 1):
            await later(now, fake, lotus, seconds=PASS)
        assert len(held()) == 1
        await later(now, fake, lotus, seconds=PASS)
        assert held() == seizure.rows(store, "SELECT * FROM room_key_index") == []
        await teak.say(room_id, "two")
        await lotus.hears("two")
        assert len(held()) == 1
    assert unread(lotus) == []


@pytest.mark.parametrize("days", [1.5, 12], ids=["turned", "spent"])
async def test_nothing_forgotten_comes_back(party, fake, now, days):
    """The server shows an old "yes" again, as it was and as a new event, and has even its key sent again."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        teak.client._keys.renew(room_id)
        given = teak.client._keys.to_share(room_id)
        await teak.say(room_id, "I approve")
        await lotus.hears("I approve")
        (approved,) = events(fake, room_id)
        await later(now, fake, lotus, seconds=days * DAY)
        for _ in range(40 if days > 8 else 0):
            await later(now, fake, lotus, seconds=PASS)
        device = teak.client.devices.find(lotus.user_id, lotus.client._olm.curve25519)
        _, messages = teak.client._olm.encrypt([device], "m.room_key", given)
        await teak.client._sharing._send_to_device(messages)
        again(fake, room_id, approved)
        fake.add(room_id, teak.user_id, "m.room.encrypted", approved["content"])
        await teak.say(room_id, "good morning")
        await lotus.hears("good morning")
    assert lotus.bodies() == ["I approve", "good morning"]
    assert len(unread(lotus)) == 2


async def test_a_pass_that_is_killed_is_finished_by_the_next(party, fake, stage, now, key_by_key):
    """Anywhere: nothing is unreadable in between, and the old wrapping is gone in the end."""
    store = stage.store("b_lotus")

    def wrappings():
        return seizure.rows(store, "SELECT wrapping_id FROM wrapping")

    async with party("b_teak") as teak:
        async with party("b_lotus") as lotus:
            rooms = [fake.room(teak.user_id, lotus.user_id) for _ in range(3)]
            for room_id in rooms:
                await teak.say(room_id, f"before {room_id}")
                await lotus.hears(f"before {room_id}")
                await lotus.say(room_id, "x")
            await fake.caught_up(lotus.user_id)
        for steps in range(1, 8):
            now[0] += PASS
            lotus = await stage.open("b_lotus", clock=lambda: now[0])
            lotus.client._forgetting._heard_ms = int(now[0] * 1000)
            killed = asyncio.create_task(lotus.client._forgetting.once())
            for _ in range(steps):
                await asyncio.sleep(0)
            killed.cancel()
            await asyncio.wait([killed])
            assert len(wrappings()) <= 2
            lotus.start()
            for room_id in rooms:
                await teak.say(room_id, f"{steps} {room_id}")
                await lotus.hears(f"{steps} {room_id}")
                await lotus.say(room_id, f"{steps} answer")
            await later(now, fake, lotus, seconds=0)
            await lotus.stop()
            assert len(wrappings()) == 1
            assert unread(lotus) == []
        await teak.hears("7 answer")
    assert unread(teak) == []


async def test_a_bot_that_dies_again_and_again_gets_it_done(party, fake, stage, now, key_by_key):
    """A pass goes on where it was, and does not begin anew."""
    store = stage.store("b_lotus")
    async with party("b_teak") as teak, party("b_lotus") as lotus:
        for body in ("one", "two"):
            room_id = fake.room(teak.user_id, lotus.user_id)
            await teak.say(room_id, body)
            await lotus.hears(body)
            await lotus.say(room_id, "x")
    now[0] += 2 * DAY
    for _ in range(8):
        lotus = await stage.open("b_lotus", clock=lambda: now[0])
        lotus.client._forgetting._heard_ms = int(now[0] * 1000)
        killed = asyncio.create_task(lotus.client._forgetting.once())
        await asyncio.sleep(0)  # as far as one key
        killed.cancel()
        await asyncio.wait([killed])
        await lotus.stop()
        wrappings = seizure.rows(store, "SELECT wrapping_id FROM wrapping")
        assert len(wrappings) <= 2
        if len(wrappings) == 1:
            break
    assert len(wrappings) == 1
    assert not any(seizure.can_read(store, content) for content in fake.ciphertexts(room_id))


async def test_a_broken_key_stops_nothing(party, fake, stage, now):
    """One that cannot be opened, and one that was used to its end: the others are turned all the same."""
    async with party("b_teak") as teak:
        async with party("b_lotus") as lotus:
            rooms = [fake.room(teak.user_id, lotus.user_id) for _ in range(3)]
            for room_id in rooms:
                await teak.say(room_id, room_id)
                await lotus.hears(room_id)
            await lotus.say(rooms[0], "x")
            await fake.caught_up(lotus.user_id)
        broken, worn, fine = rooms
        with closing(Store(stage.store("b_lotus"))) as store:
            before = set(store.rows("SELECT session_id FROM room_key"))
            store.run("UPDATE room_key SET pickle = 'x' WHERE room_id = ?", broken)
            store.run("UPDATE own_key SET pickle = 'x'")
            store.run("UPDATE room_key_index SET message_index = 4294967295 WHERE room_id = ?", worn)
        now[0] += 2 * DAY
        async with party("b_lotus") as lotus:
            await later(now, fake, lotus, seconds=0)
            kept = lotus.client._store.rows("SELECT room_id, first_index FROM room_key WHERE turned")
            spent = set(lotus.client._store.rows("SELECT session_id FROM spent_key"))
            assert kept == [(fine, 1)]
            assert (len(spent), len(spent & before)) == (2, 2)
            await lotus.say(broken, "we go on")
            await teak.hears("we go on")


async def test_a_full_disk_silences_nobody(party, fake, now, monkeypatch):
    """What could not be forgotten is forgotten ten minutes later; meanwhile we hear."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        forget = lotus.client._forgetting
        failed = []

        async def full():
            failed.append(now[0])
            raise OSError

        with monkeypatch.context() as disk:
            disk.setattr(forget, "once", full)
            now[0] += DAY
            for body in ("one", "two", "three"):
                await teak.say(room_id, body)
                await lotus.hears(body)
            await fake.caught_up(lotus.user_id)
        assert failed == [now[0]]
        await later(now, fake, lotus, seconds=601)


async def test_sessions_with_strangers_are_forgotten(party, fake, stage, now):
    """Any account can begin one: after a week it is gone, and those with the people of our rooms are not."""
    async with party("b_lotus") as lotus, party("b_teak") as teak:
        room_id = fake.room(teak.user_id, lotus.user_id)
        await teak.say(room_id, "one")
        await lotus.hears("one")
        stranger = Stranger(fake, "@reed:fake.test")
        letter = stranger.olm(lotus.user_id, lotus.client.device_id, {"type": "m.dummy", "content": {}})
        fake.send_to_device(
            lotus.user_id, lotus.client.device_id, "@reed:fake.test", "m.room.encrypted", letter
        )
        await fake.caught_up(lotus.user_id)

        def devices():
            return {row[0] for row in lotus.client._store.rows("SELECT curve25519 FROM olm_session")}

        both = {stranger.curve25519, teak.client._olm.curve25519}
        assert devices() == both
        await later(now, fake, lotus, seconds=6 * DAY)
        assert devices() == both
        await later(now, fake, lotus, seconds=2 * DAY)
        assert devices() == both - {stranger.curve25519}


def test_a_clock_put_back_stops_no_pass(tmp_path, now):
    """The next one is not put off until the clock has caught up with the last."""
    with closing(Store(tmp_path / "bot.db")) as store:
        wrapping = Wrapping(store, "k", clock=lambda: now[0])
        assert not wrapping.due
        now[0] -= 30 * DAY
        assert wrapping.due
