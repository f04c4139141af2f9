"""Who is given the key of a room, when, and how often."""

import asyncio
import itertools
import time

import pytest
import vodozemac

from bots.client import KeyPolicy, ReportKind, sharing
from tests.bots.client.strangers import Stranger

OTHER = "@teak:fake.test"
DAY = 24 * 3600


def indexes(fake, room_id):
    """(session, index) of every message of a room, in order."""
    return [
        (content["session_id"], vodozemac.MegolmMessage.from_base64(content["ciphertext"]).message_index())
        for content in fake.ciphertexts(room_id)
    ]


def sessions(fake, room_id):
    """The sessions used in a room, in order, each once."""
    return list(dict.fromkeys(session for session, _ in indexes(fake, room_id)))


async def test_a_newcomer_alone_is_given_the_key(stage, fake):
    """Joining does not replace the key; the newcomer reads from there on, and nothing said before."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak, stage.party("b_reed") as reed:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await lotus.say(room_id, "before")
        fake.membership(room_id, reed.user_id, "join")
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "after")
        await reed.hears("after")
        await teak.hears("after")
    assert "before" not in reed.bodies()
    assert len(sessions(fake, room_id)) == 1
    assert fake.keys_given(lotus.user_id) == {teak.user_id: 1, reed.user_id: 1}


async def test_who_leaves_reads_no_more(stage, fake):
    """After somebody left, the next message has a new key; also when they come back before it is sent."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak, stage.party("b_reed") as reed:
        room_id = fake.room(lotus.user_id, teak.user_id, reed.user_id)
        await lotus.say(room_id, "one")
        fake.membership(room_id, reed.user_id, "leave")
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "two")
        fake.membership(room_id, teak.user_id, "leave")
        fake.membership(room_id, teak.user_id, "join")
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "three")
        await teak.hears("three")
    assert len(sessions(fake, room_id)) == 3
    assert reed.bodies() == ["one"]


async def test_a_removed_device_reads_no_more(stage, fake):
    """A device that was logged out has the old key only."""
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE) as lotus:
        phone, _laptop = Stranger(fake, OTHER, "PHONE"), Stranger(fake, OTHER, "LAPTOP")
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "one")
        del fake.accounts[OTHER].devices[phone.device_id]
        fake.touch(OTHER)
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "two")
    assert len(sessions(fake, room_id)) == 2
    assert [len(fake.to_device[OTHER, device]) for device in ("PHONE", "LAPTOP")] == [1, 2]


async def test_a_new_device_alone_is_given_the_key(stage, fake):
    """A second device of somebody who is there does not replace the key."""
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE) as lotus:
        Stranger(fake, OTHER, "PHONE")
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "one")
        Stranger(fake, OTHER, "LAPTOP")
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "two")
    assert len(sessions(fake, room_id)) == 1
    assert [len(fake.to_device[OTHER, device]) for device in ("PHONE", "LAPTOP")] == [1, 1]


async def test_a_member_the_homeserver_slipped_in_gets_no_key(stage, fake):
    """Being in the room is not enough: who is not on the roster cannot read, and is reported."""
    async with stage.party("b_lotus") as lotus, stage.party("b_reed") as reed:
        room_id = fake.room(lotus.user_id, reed.user_id)
        lotus.roster.struck.add(reed.user_id)
        await lotus.say(room_id, "not for reed")
        report = await lotus.reported(ReportKind.NOT_ON_ROSTER)
        await reed.reported(ReportKind.UNDECRYPTABLE)
    assert (report.room_id, report.user_id) == (room_id, reed.user_id)
    assert fake.keys_given(lotus.user_id) == {}


async def test_who_is_struck_off_the_roster_reads_no_more(stage, fake):
    """Before they have even left the room."""
    async with stage.party("b_lotus") as lotus, stage.party("b_reed") as reed:
        room_id = fake.room(lotus.user_id, reed.user_id)
        await lotus.say(room_id, "one")
        await reed.hears("one")
        lotus.roster.struck.add(reed.user_id)
        await lotus.say(room_id, "two")
        await reed.reported(ReportKind.UNDECRYPTABLE)
    assert reed.bodies() == ["one"]


async def test_the_invited_get_no_key(stage, fake):
    """An invitation is no membership."""
    async with stage.party("b_lotus") as lotus, stage.party("b_reed") as reed:
        room_id = fake.room(lotus.user_id)
        fake.membership(room_id, reed.user_id, "invite", sender=lotus.user_id)
        await fake.caught_up(lotus.user_id)
        await lotus.say(room_id, "x")
    assert fake.keys_given(lotus.user_id) == {}


@pytest.mark.parametrize(("policy", "given"), [(KeyPolicy.OWNER_SIGNED, 0), (KeyPolicy.EVERY_DEVICE, 1)])
async def test_unsigned_devices_by_policy(stage, fake, policy, given):
    """A device without its owner's signature is reported; it gets keys where nobody may miss a message."""
    async with stage.party("b_lotus", policy=policy) as lotus:
        Stranger(fake, OTHER)
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "x")
        report = await lotus.reported(ReportKind.UNSIGNED_DEVICE)
    assert (report.user_id, report.device_id) == (OTHER, "S")
    assert fake.keys_given(lotus.user_id)[OTHER] == given


async def test_a_key_wears_out_after_its_messages(stage, fake):
    """By the room's own number, when it has one."""
    async with stage.party("b_lotus", keep_warm=False) as lotus:
        usual = fake.room(lotus.user_id)
        strict = fake.room(
            lotus.user_id, encryption={"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 2}
        )
        for number in range(101):
            await lotus.say(usual, str(number))
        for number in range(5):
            await lotus.say(strict, str(number))
    assert [index for _, index in indexes(fake, usual)] == [*range(100), 0]
    assert [index for _, index in indexes(fake, strict)] == [0, 1, 0, 1, 0]


async def test_a_key_wears_out_with_time(stage, fake):
    """Seven days, or what the room says."""
    now = [4_000_000_000.0]
    async with stage.party("b_lotus", keep_warm=False, clock=lambda: now[0]) as lotus:
        usual = fake.room(lotus.user_id)
        strict = fake.room(
            lotus.user_id, encryption={"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_ms": DAY * 1000}
        )
        for _ in range(9):
            await lotus.say(usual, "x")
            await lotus.say(strict, "x")
            now[0] += DAY
    assert len(sessions(fake, usual)) == 2
    assert len(sessions(fake, strict)) == 9


async def test_a_key_made_while_the_clock_was_wrong_wears_out(stage, fake):
    """It was put back by years: without this the key would be used for as long."""
    now = [4_000_000_000.0]
    async with stage.party("b_lotus", keep_warm=False, clock=lambda: now[0]) as lotus:
        room_id = fake.room(lotus.user_id)
        for seconds in (0, -3650 * DAY, 60):
            now[0] += seconds
            await lotus.say(room_id, "x")
    assert len(sessions(fake, room_id)) == 2


@pytest.mark.parametrize(
    "period_ms", [1, True, -1, 0, "1", 10**30, 1.0, None, [], {}], ids=lambda each: f"{each!r:.9}"
)
async def test_no_period_wears_a_key_out_at_once(stage, fake, period_ms):
    """Whatever somebody wrote into the room, an alarm finds its key shared."""
    async with stage.party("b_lotus", keep_warm=False, clock=iter_clock()) as lotus:
        encryption = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_ms": period_ms}
        room_id = fake.room(lotus.user_id, encryption=encryption)
        for _ in range(3):
            await lotus.say(room_id, "x")
    assert len(sessions(fake, room_id)) == 1


def iter_clock():
    """A clock on which every question takes a second."""
    seconds = itertools.count(4_000_000_000)
    return lambda: float(next(seconds))


async def test_a_restart_shares_nothing_again(stage, fake):
    """With the same store the same key goes on, one index further, and nobody is given it twice."""
    async with stage.party("b_teak") as teak:
        async with stage.party("b_lotus") as lotus:
            room_id = fake.room(lotus.user_id, teak.user_id)
            await lotus.say(room_id, "one")
        async with stage.party("b_lotus") as lotus:
            await lotus.say(room_id, "two")
        await teak.hears("two")
    (first, one), (second, two) = indexes(fake, room_id)
    assert (first, one + 1) == (second, two)
    assert fake.keys_given(lotus.user_id) == {teak.user_id: 1}


async def test_an_index_is_never_used_twice(stage, fake):
    """Not even when the message was lost on its way and the process ended there."""
    lotus = await stage.open("b_lotus", patience=0.1)
    room_id = fake.room(lotus.user_id)
    fake.fail("PUT .*/send/", times=1000, status=500)
    with pytest.raises(Exception, match="answered 500"):
        await lotus.say(room_id, "lost")
    lost = {body["ciphertext"] for method, path, body in fake.requests if "/send/m.room.encrypted" in path}
    assert len(lost) == 1  # tried again with the same ciphertext
    fake.faults.clear()
    await lotus.stop()
    async with stage.party("b_lotus") as lotus:
        await lotus.say(room_id, "sent")
    assert [index for _, index in indexes(fake, room_id)] == [1]


async def test_a_warm_send_is_one_request(stage, fake):
    """After a membership change the background has shared the key before anybody speaks."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await fake.caught_up(lotus.user_id)
        await lotus.heard_all()
        asked = len(fake.requests)
        await lotus.say(room_id, "x")
        mine = [path for method, path, _ in fake.requests[asked:] if method == "PUT" or "keys" in path]
    assert len(mine) == 1
    assert fake.keys_given(lotus.user_id) == {teak.user_id: 1}


async def test_a_device_without_keys_is_reported_and_reached_later(stage, fake):
    """Nobody else waits for it; once it has keys again it gets ours."""
    now = [4_000_000_000.0]
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE, clock=lambda: now[0]) as lotus:
        stranger = Stranger(fake, OTHER)
        spare = dict(fake.one_time[OTHER, "S"])
        fake.one_time[OTHER, "S"].clear()
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "one")
        report = await lotus.reported(ReportKind.UNREACHABLE_DEVICE)
        claims = fake.count("keys/claim")
        await lotus.say(room_id, "two")
        assert fake.count("keys/claim") == claims  # not asked again at every message
        fake.one_time[OTHER, "S"] = spare
        now[0] += 3600
        await lotus.say(room_id, "three")
    assert (report.user_id, report.device_id) == (OTHER, stranger.device_id)
    assert len(fake.to_device[OTHER, "S"]) == 1
    assert len(sessions(fake, room_id)) == 1


async def test_a_device_just_published_misses_nothing(stage, fake):
    """Its one-time keys follow a moment later: the message waits for them, as nobody can read it after."""
    Stranger(fake, OTHER)
    late = dict(fake.one_time[OTHER, "S"])
    fake.one_time[OTHER, "S"].clear()

    async def sleep(pause):
        if pause == sharing.JUST_PUBLISHED[-1]:
            fake.one_time[OTHER, "S"].update(late)
        await asyncio.sleep(0 if pause in sharing.JUST_PUBLISHED else pause)

    options = {"policy": KeyPolicy.EVERY_DEVICE, "keep_warm": False, "sleep": sleep}
    async with stage.party("b_lotus", **options) as lotus:
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "one")
        given = len(fake.to_device[OTHER, "S"])
    assert given == 1
    assert ReportKind.UNREACHABLE_DEVICE not in {report.kind for report in lotus.reports}


async def test_a_device_that_publishes_its_keys_late_is_given_ours_unasked(stage, fake, monkeypatch):
    """Later than a message waits: it has the room's key before the next one, not only with it."""
    monkeypatch.setattr(sharing, "FIRST_SILENCE_MS", 20)
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE) as lotus:
        Stranger(fake, OTHER)
        late = dict(fake.one_time[OTHER, "S"])
        fake.one_time[OTHER, "S"].clear()
        fake.room(lotus.user_id, OTHER)
        await lotus.reported(ReportKind.UNREACHABLE_DEVICE)
        fake.one_time[OTHER, "S"].update(late)
        await fake.until(lambda: fake.to_device[OTHER, "S"])


async def test_many_rooms_claim_a_common_member_once(stage, fake):
    """Rooms that warm up beside each other do not use up their people's one-time keys."""
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE, keep_warm=False) as lotus:
        Stranger(fake, OTHER)
        rooms = [fake.room(lotus.user_id, OTHER) for _ in range(8)]
        await asyncio.gather(*(lotus.say(room_id, "x") for room_id in rooms))
    assert len(fake.one_time[OTHER, "S"]) == 4
    assert fake.keys_given(lotus.user_id)[OTHER] == 8


async def test_the_loop_is_never_away_for_long(stage, fake):
    """While a large room is given its first key, others get their turn after a slice of the work."""
    longest = 0.0

    async def heartbeat():
        nonlocal longest
        while True:
            before = time.process_time()  # the machine may be busy with something else
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - before)

    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE, keep_warm=False) as lotus:
        crowd = [f"@m{number}:fake.test" for number in range(300)]
        for user_id in crowd:
            Stranger(fake, user_id, one_time_keys=1)
        room_id = fake.room(lotus.user_id, *crowd)
        await fake.caught_up(lotus.user_id)
        beating = asyncio.create_task(heartbeat())
        await lotus.say(room_id, "x")
        beating.cancel()
    assert fake.keys_given(lotus.user_id).total() == len(crowd)
    assert longest < 0.03  # 11 ms here; the budget is 100 ms, for slower machines and garbage collection
