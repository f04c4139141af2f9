"""What is read, and what is not let in."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from time import time

import pytest
import vodozemac
from nio.crypto import InboundGroupSession, OutboundGroupSession

from banyan.services.retention import ANSWERED
from bots.client import ReportKind, Trust
from bots.client.megolm import READ_AGAIN_MS, RoomKeys
from bots.client.store import Store
from bots.client.wrapping import Wrapping
from tests.bots.client.parties import PICKLE_KEY
from tests.bots.client.strangers import Stranger

OTHER = "@teak:fake.test"
TEXT = {"msgtype": "m.text", "body": "x"}


def kept_keys(stage, name):
    """Rooms whose keys are in a closed store."""
    store = Store(stage.store(name))
    try:
        return {row[0] for row in store.rows("SELECT room_id FROM room_key")}
    finally:
        store.close()


async def hand_over(giver, key_of, taker, **over):
    """Give somebody the key of a room, in it or not; `over` replaces parts of the message."""
    sharing = giver.client._sharing
    (device,) = giver.client.devices.of(taker.user_id)
    content = sharing._keys.to_share(key_of) | over
    _, messages = sharing._olm.encrypt([device], "m.room_key", content)
    await sharing._send_to_device(messages)


async def test_keys_of_other_rooms_are_not_kept(stage, fake):
    """A key for a room we are not in is dropped, whoever sends it: nothing of that room reaches the disk."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        elsewhere, common = fake.room(teak.user_id), fake.room(teak.user_id, lotus.user_id)
        await teak.say(common, "hello")
        await teak.say(elsewhere, "not for lotus")
        await hand_over(teak, elsewhere, lotus)
        await lotus.hears("hello")
        await fake.caught_up(lotus.user_id)
    assert kept_keys(stage, "b_lotus") == {common}
    assert elsewhere.encode() not in stage.store("b_lotus").read_bytes()


async def test_keys_from_people_who_are_not_there_are_not_kept(stage, fake):
    """Nor one from somebody who is not in the room themselves."""
    async with stage.party("b_lotus") as lotus, stage.party("b_reed") as reed:
        theirs, common = fake.room(lotus.user_id, OTHER), fake.room(reed.user_id, lotus.user_id)
        await reed.say(common, "hello")
        await hand_over(reed, common, lotus, room_id=theirs)
        await lotus.hears("hello")
        await fake.caught_up(lotus.user_id)
    assert kept_keys(stage, "b_lotus") == {common}


async def test_a_key_that_came_with_the_invitation_is_there_after_joining(stage, fake):
    """Element gives the invited its key once; dropped, nothing could be read until it changes."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        meeting = fake.room(teak.user_id, lotus.user_id)  # so that they know each other's devices
        await teak.say(meeting, "hello")
        await lotus.hears("hello")
        room_id = fake.room(teak.user_id)
        fake.membership(room_id, lotus.user_id, "invite", sender=teak.user_id)
        await fake.caught_up(teak.user_id, lotus.user_id)
        await teak.say(room_id, "welcome")
        await hand_over(teak, room_id, lotus)
        await fake.caught_up(lotus.user_id)
        assert not lotus.client._store.rows("SELECT 1 FROM room_key WHERE room_id = ?", room_id)
        fake.membership(room_id, lotus.user_id, "join")
        await fake.caught_up(lotus.user_id)
        assert lotus.client._store.rows("SELECT 1 FROM room_key WHERE room_id = ?", room_id)


async def test_a_message_is_read_when_its_key_comes_late(stage, fake):
    """Also after a restart in between; and it is told once."""
    async with stage.party("b_teak") as teak:
        async with stage.party("b_lotus") as lotus:
            room_id = fake.room(teak.user_id, lotus.user_id)
            lotus_inbox = (lotus.user_id, lotus.client.device_id)
            put, held = fake.put_to_device, []
            fake.put_to_device = lambda request: held.append(request) or {}
            await teak.say(room_id, "where is the key?")
            await lotus.reported(ReportKind.UNDECRYPTABLE)
            await fake.caught_up(lotus.user_id)
        async with stage.party("b_lotus") as lotus:
            for request in held:
                put(request)
            assert fake.to_device[lotus_inbox]
            await lotus.hears("where is the key?")
            await fake.caught_up(lotus.user_id)
        assert lotus.bodies() == ["where is the key?"]


async def test_nobody_speaks_with_another_s_key(stage, fake):
    """The homeserver puts another member's name on a message that nobody has seen yet: it is not read."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak, stage.party("b_reed") as reed:
        room_id = fake.room(teak.user_id, lotus.user_id, reed.user_id)
        put = fake.put_event

        def relabel(request):
            request.user = reed.user_id
            return put(request)

        fake.put_event = relabel
        await teak.say(room_id, "I approve")
        report = await lotus.reported(ReportKind.UNDECRYPTABLE)
    assert report.user_id == reed.user_id
    assert lotus.messages == []


async def test_a_replay_is_refused(stage, fake):
    """The homeserver plays an old message again, as a new event, also after a restart: it is not read."""
    async with stage.party("b_teak") as teak:
        async with stage.party("b_lotus") as lotus:
            room_id = fake.room(teak.user_id, lotus.user_id)
            await teak.say(room_id, "I approve")
            await lotus.hears("I approve")
            await fake.caught_up(lotus.user_id)
        async with stage.party("b_lotus") as lotus:
            fake.add(room_id, teak.user_id, "m.room.encrypted", fake.ciphertexts(room_id)[-1])
            await lotus.reported(ReportKind.UNDECRYPTABLE)
    assert lotus.messages == []


async def test_an_old_message_under_its_own_name_is_refused(stage, fake):
    """The server shows an event once more when it is no longer remembered as answered: it is not read."""
    async with stage.party("b_teak") as teak, stage.party("b_lotus") as lotus:
        room_id = fake.room(teak.user_id, lotus.user_id)
        await teak.say(room_id, "I approve")
        await lotus.hears("I approve")
        await fake.caught_up(lotus.user_id)
    (said,) = [each for each in fake.events[room_id] if each["type"] == "m.room.encrypted"]
    with closing(Store(stage.store("b_lotus"))) as store:
        store.run("UPDATE room_key_index SET read_ms = read_ms - ?", READ_AGAIN_MS + 1)
    async with stage.party("b_lotus") as lotus:
        fake.position += 1
        fake.events[room_id].append(said | {"_at": fake.position})
        fake.add(room_id, OTHER, "m.room.message", TEXT)
        await lotus.hears("x")
    assert lotus.bodies() == ["x"]


def test_answered_is_remembered_for_longer_than_a_message_is_read():
    """Else what was answered and forgotten could be read, and done, again."""
    assert timedelta(milliseconds=READ_AGAIN_MS) < ANSWERED


FIRST_STORE = """
CREATE TABLE room_key (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, sender TEXT NOT NULL, curve25519 TEXT NOT NULL,
    ed25519 TEXT NOT NULL, first_index INTEGER NOT NULL, pickle TEXT NOT NULL,
    PRIMARY KEY (room_id, session_id)) WITHOUT ROWID;
CREATE TABLE room_key_index (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, message_index INTEGER NOT NULL, event_id TEXT NOT NULL,
    PRIMARY KEY (room_id, session_id, message_index)) WITHOUT ROWID;
CREATE TABLE own_key (
    room_id TEXT PRIMARY KEY, pickle TEXT NOT NULL, created_ms INTEGER NOT NULL, messages INTEGER NOT NULL
    ) WITHOUT ROWID;
INSERT INTO room_key_index VALUES ('!r', 's', 7, '$e');
PRAGMA user_version=1;
"""


def test_a_store_of_before_is_opened(tmp_path):
    """What was read then stays read, and its keys are opened as they were stored: with our key alone."""
    theirs, ours = OutboundGroupSession(), OutboundGroupSession()
    key = InboundGroupSession(theirs.session_key, "e", "c", "!r")
    theirs.shared = True
    with closing(sqlite3.connect(tmp_path / "bot.db")) as old:
        old.executescript(FIRST_STORE)
        row = ("!r", key.id, "@a", "c", "e", 0, key.pickle(PICKLE_KEY).decode())
        old.execute("INSERT INTO room_key VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO own_key VALUES ('!r', ?, 0, 3)", [ours.pickle(PICKLE_KEY).decode()])
        old.commit()
    for number in range(2):
        with closing(Store(tmp_path / "bot.db")) as store:
            assert store.rows("SELECT * FROM room_key_index WHERE message_index = 7") == [
                ("!r", "s", 7, "$e", 0)
            ]
            keys = RoomKeys(store, Wrapping(store, PICKLE_KEY, clock=time), "D", "c", clock=time)
            said = theirs.encrypt('{"room_id": "!r", "type": "m.x", "content": {}}')
            event = {"sender": "@a", "event_id": f"${number}"}
            event["content"] = {"session_id": key.id, "ciphertext": said}
            assert keys.decrypt("!r", event).type == "m.x"
            assert keys.encrypt("!r", "m.x", {})["session_id"] == ours.id


async def test_a_message_of_another_room_is_refused(stage, fake):
    """A ciphertext is bound to its room, even if its sender gave the same key for both."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        one, two = fake.room(teak.user_id, lotus.user_id), fake.room(teak.user_id, lotus.user_id)
        await teak.say(one, "shall we?")
        await lotus.hears("shall we?")
        await hand_over(teak, one, lotus, room_id=two)
        put = fake.put_event

        def elsewhere(request):
            request.args = (two, *request.args[1:])
            return put(request)

        fake.put_event = elsewhere
        await teak.say(one, "yes")
        report = await lotus.reported(ReportKind.UNDECRYPTABLE)
    assert report.room_id == two
    assert "yes" not in lotus.bodies()


async def test_plain_messages_are_told_as_such(stage, fake):
    """Whoever handles them sees that the homeserver may have written them."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id, OTHER)
        fake.add(room_id, OTHER, "m.room.message", TEXT)
        heard = await lotus.hears("x")
    assert (heard.encrypted, heard.trust, heard.device_id) == (False, Trust.UNKNOWN, None)


async def test_a_gap_is_filled(stage, fake):
    """What the sync left out after an absence is fetched, in order, and nothing is told twice."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id, OTHER, encryption=None)
        fake.add(room_id, OTHER, "m.room.message", {"msgtype": "m.text", "body": "0"})
        await lotus.hears("0")
        await fake.caught_up(lotus.user_id)
    for number in range(1, 300):
        fake.add(room_id, OTHER, "m.room.message", {"msgtype": "m.text", "body": str(number)})
    async with stage.party("b_lotus") as lotus:
        await lotus.hears("299")
    assert lotus.bodies() == [str(number) for number in range(1, 300)]


async def test_a_gap_that_cannot_be_filled_holds_nothing_up(stage, fake):
    """The homeserver refuses the past: the present is told."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id, OTHER, encryption=None)
        await fake.caught_up(lotus.user_id)
    for number in range(300):
        fake.add(room_id, OTHER, "m.room.message", {"msgtype": "m.text", "body": str(number)})
    fake.fail("GET .*/messages", times=1000, status=403)
    async with stage.party("b_lotus") as lotus:
        await lotus.hears("299")


async def test_a_request_to_verify_is_declined(stage, fake):
    """Element is told at once instead of waiting for ever."""
    async with stage.party("b_lotus") as lotus:
        stranger = Stranger(fake, OTHER)
        content = {"transaction_id": "t1", "from_device": stranger.device_id, "methods": ["m.sas.v1"]}
        fake.send_to_device(
            lotus.user_id, lotus.client.device_id, OTHER, "m.key.verification.request", content
        )
        await fake.until(lambda: fake.to_device[OTHER, "S"])
    ((_, answer),) = fake.to_device[OTHER, "S"]
    assert answer["type"] == "m.key.verification.cancel"
    assert answer["content"]["transaction_id"] == "t1"


async def test_requests_for_keys_are_not_answered(stage, fake):
    """Whoever asks, and by whatever device."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await lotus.say(room_id, "x")
        await teak.hears("x")
        session_id = fake.ciphertexts(room_id)[0]["session_id"]
        asked = {
            "action": "request",
            "request_id": "r1",
            "requesting_device_id": teak.client.device_id,
            "body": {"algorithm": "m.megolm.v1.aes-sha2", "room_id": room_id, "session_id": session_id},
        }
        before = fake.keys_given(lotus.user_id)
        fake.send_to_device(lotus.user_id, lotus.client.device_id, teak.user_id, "m.room_key_request", asked)
        await fake.caught_up(lotus.user_id)
        await lotus.heard_all()
    assert fake.keys_given(lotus.user_id) == before


ENVELOPES = [
    {},
    {"sender": "@b_lotus:fake.test"},
    {"recipient": OTHER},
    {"recipient_keys": {"ed25519": "x" * 43}},
]


@pytest.mark.parametrize("over", ENVELOPES)
async def test_a_letter_counts_for_whom_it_is_addressed(stage, fake, over):
    """A to-device message opened by us but written by or for somebody else carries no key to us."""
    async with stage.party("b_lotus") as lotus:
        stranger = Stranger(fake, OTHER)
        room_id = fake.room(lotus.user_id, OTHER)
        key = vodozemac.GroupSession()
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": room_id,
            "session_id": key.session_id,
            "session_key": key.session_key.to_base64(),
        }
        mine = (lotus.user_id, lotus.client.device_id)
        letter = stranger.olm(*mine, {"type": "m.room_key", "content": content}, **over)
        fake.send_to_device(*mine, OTHER, "m.room.encrypted", letter)
        await fake.caught_up(lotus.user_id)
    assert kept_keys(stage, "b_lotus") == (set() if over else {room_id})


async def test_a_broken_session_is_mended(stage, fake):
    """Who cannot read a device any more begins a new session with it, and is given the room key again."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await lotus.say(room_id, "one")
        await teak.hears("one")
        teak.client._store.run("DELETE FROM olm_session")
        lotus.client._sharing._keys.discard(room_id)
        await lotus.say(room_id, "lost")
        await teak.reported(ReportKind.UNDECRYPTABLE)
        await fake.until(lambda: fake.keys_given(lotus.user_id)[teak.user_id] == 3)
        await fake.caught_up(teak.user_id)
        await lotus.say(room_id, "found again")
        await teak.hears("found again")


@pytest.mark.parametrize("session_id", [{}, [], "\ud800", 2**70, None], ids=repr)
async def test_a_message_that_is_no_message_makes_nobody_deaf(stage, fake, session_id):
    """Any member can send any content: what else came with it is heard, at once."""
    async with stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id, OTHER)
        fake.add(room_id, OTHER, "m.room.encrypted", {"session_id": session_id, "ciphertext": "AwgA"})
        fake.add(room_id, OTHER, "m.room.message", TEXT)
        await lotus.hears("x")
        assert lotus.client._sync.failures == 0


@pytest.mark.parametrize("sender_key", [{}, [], "\ud800", None], ids=repr)
async def test_a_letter_of_no_key_makes_nobody_deaf(stage, fake, sender_key):
    """Any account of the homeserver can send any letter."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id, OTHER)
        stranger = Stranger(fake, OTHER)
        letter = stranger.olm(lotus.user_id, lotus.client.device_id, {"type": "m.dummy", "content": {}})
        letter |= {"sender_key": sender_key}
        fake.send_to_device(lotus.user_id, lotus.client.device_id, OTHER, "m.room.encrypted", letter)
        fake.add(room_id, OTHER, "m.room.message", TEXT)
        await lotus.hears("x")
        assert lotus.client._sync.failures == 0
