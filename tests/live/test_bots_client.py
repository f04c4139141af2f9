"""The bots' client against a real Synapse: what a fake homeserver might get wrong."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
import vodozemac

from banyan.matrix import Api
from bots.client import KeyPolicy, LoginExpires, ReportKind, Trust, login_password, publish_identity
from bots.client.client import Client
from bots.client.provision import login_as_service
from tests.bots.client.parties import PICKLE_KEY, OpenRoster, Party, Stage
from tests.live.bare_synapse import BareSynapse, bare_synapse
from tests.live.crowd import crowd
from tests.live.holding_module import BEGUN, GO, HELD, Holding
from tests.live.homeserver import MEGOLM
from tests.waiting import until

pytestmark = pytest.mark.live


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def synapse(tmp_path_factory) -> AsyncIterator[BareSynapse]:
    directory = tmp_path_factory.mktemp("bare")
    holding = {"module": f"{Holding.__module__}.{Holding.__name__}", "config": {"directory": str(directory)}}
    async with bare_synapse(directory, modules=[holding]) as running:
        yield running


@pytest.fixture
def stage(synapse, tmp_path) -> Stage:
    return Stage(synapse.url, synapse.server_name, synapse.as_token, tmp_path)


@pytest.fixture
def names():
    """Names nobody has on the shared server."""
    mark = uuid4().hex[:6]
    return [f"b_{name}_{mark}" for name in ("lotus", "teak", "reed")]


async def together(first: Party, *others: Party) -> str:
    """A new encrypted room with all of them in it, as far as each of them knows."""
    body = {"preset": "private_chat", "initial_state": [MEGOLM], "invite": [o.user_id for o in others]}
    room_id = await first.client.create_room(body)
    for other in others:
        await other.client.join(room_id)
    everybody = {party.user_id for party in (first, *others)}
    await settled(room_id, everybody, first, *others)
    return room_id


async def settled(room_id: str, everybody: set[str], *parties: Party) -> None:
    """Wait until all of them know who is in the room."""

    def known(party: Party) -> bool:
        room = party.client.rooms.get(room_id)
        return room is not None and room.joined == everybody

    for party in parties:
        await party.until(lambda party=party: known(party))
        await party.heard_all()


async def encrypted_events(party: Party, room_id: str) -> list[dict]:
    """Contents of a room's encrypted events, oldest first, as the homeserver has them."""
    answer = await party.client._api.request(
        "GET", "/rooms/{}/messages", room_id, params={"dir": "b", "limit": "100"}
    )
    return [e["content"] for e in answer["chunk"][::-1] if e["type"] == "m.room.encrypted"]


def index(content: dict) -> int:
    return vodozemac.MegolmMessage.from_base64(content["ciphertext"]).message_index()


async def test_two_talk_through_a_restart(stage, names):
    """In a version 12 room, owner-signed both ways; after a restart the same key goes on where it was."""
    async with stage.party(names[1]) as teak:
        async with stage.party(names[0]) as lotus:
            room_id = await together(lotus, teak)
            assert ":" not in room_id
            await lotus.say(room_id, "one")
            assert (await teak.hears("one")).trust is Trust.OWNER_SIGNED
            await teak.say(room_id, "answer")
            assert (await lotus.hears("answer")).trust is Trust.OWNER_SIGNED
            identity = lotus.client.device_id, lotus.client.devices.known_since(teak.user_id)
        async with stage.party(names[0]) as lotus:
            assert identity == (lotus.client.device_id, lotus.client.devices.known_since(teak.user_id))
            await lotus.say(room_id, "two")
            assert (await teak.hears("two")).trust is Trust.OWNER_SIGNED
            mine = [c for c in await encrypted_events(lotus, room_id) if c["device_id"] == identity[0]]
    assert len({content["session_id"] for content in mine}) == 1
    assert [index(content) for content in mine] == [0, 1]


async def test_who_comes_while_another_speaks_is_in(stage, synapse, names):
    """Two things at one moment fork a room's history, and the sync of the later one tells a state of before.

    Who then seems not to be in gets no key, and cannot read the alarm.
    """
    begun, go = (synapse.directory / name for name in (BEGUN, GO))
    async with stage.party(names[0]) as lotus, stage.party(names[1]) as teak:
        room_id, aside = await together(lotus), await together(lotus, teak)
        await lotus.client.invite(room_id, teak.user_id)
        path = "/rooms/{}/send/m.reaction/{}"
        speaking = asyncio.create_task(
            lotus.client._api.request("PUT", path, room_id, uuid4().hex, body={HELD: True})
        )
        await until(begun.exists)
        await teak.client.join(room_id)
        everybody = {lotus.user_id, teak.user_id}
        await settled(room_id, everybody, lotus)
        go.touch()
        await speaking
        await teak.say(aside, "all that was before has come")
        await lotus.hears("all that was before has come")
        assert lotus.client.rooms[room_id].joined == everybody


async def test_a_lost_store_is_a_new_device(stage, names):
    """It speaks and is heard at once, vouched for by the same identity."""
    async with stage.party(names[1]) as teak:
        async with stage.party(names[0]) as lotus:
            room_id = await together(lotus, teak)
            await lotus.say(room_id, "one")
            first = await teak.hears("one")
        stage.store(names[0]).unlink()
        async with stage.party(names[0]) as lotus:
            await lotus.say(room_id, "two")
            second = await teak.hears("two")
            await teak.say(room_id, "welcome")
            await lotus.hears("welcome")
    assert second.device_id != first.device_id
    assert (second.trust, second.known_since) == (Trust.OWNER_SIGNED, first.known_since)


async def test_who_is_not_on_the_roster_cannot_read(stage, names):
    """A member the server slipped in has no key and decrypts nothing."""
    async with (
        stage.party(names[0]) as lotus,
        stage.party(names[1]) as teak,
        stage.party(names[2]) as reed,
    ):
        lotus.roster.struck.add(reed.user_id)
        room_id = await together(lotus, teak, reed)
        await lotus.say(room_id, "for teak")
        await teak.hears("for teak")
        await reed.reported(ReportKind.UNDECRYPTABLE)
        report = await lotus.reported(ReportKind.NOT_ON_ROSTER)
        assert report.user_id == reed.user_id
        assert not reed.client._store.rows("SELECT 1 FROM room_key WHERE sender = ?", lotus.user_id)
    assert reed.bodies() == []


async def test_keys_follow_the_members(stage, names):
    """The newcomer alone is given the key; who leaves has none for what comes after."""
    async with (
        stage.party(names[0]) as lotus,
        stage.party(names[1]) as teak,
        stage.party(names[2]) as reed,
    ):
        room_id = await together(lotus, teak)
        await lotus.say(room_id, "one")
        await lotus.client.invite(room_id, reed.user_id)
        await reed.client.join(room_id)
        await settled(room_id, {lotus.user_id, teak.user_id, reed.user_id}, lotus, reed)
        await lotus.say(room_id, "two")
        await reed.hears("two")
        await teak.client.leave(room_id)
        await settled(room_id, {lotus.user_id, reed.user_id}, lotus)
        await lotus.say(room_id, "three")
        await reed.hears("three")
        sessions = [content["session_id"] for content in await encrypted_events(lotus, room_id)]
    assert sessions[0] == sessions[1] != sessions[2]
    assert "one" not in reed.bodies()


async def test_a_person_joins_with_a_password(stage, synapse, names):
    """A sample member is the same client, cross-signed as Element would be."""
    await synapse.register(f"member_{names[0]}", "a passphrase")
    store = stage.directory / "member.db"
    credentials = await login_password(
        homeserver_url=synapse.url,
        user_id=synapse.user(f"member_{names[0]}"),
        password="a passphrase",
        secrets=stage.directory / "member",
        store=store,
        pickle_key=PICKLE_KEY,
    )
    roster = OpenRoster()
    roster.client = await Client.open(
        homeserver_url=synapse.url, credentials=credentials, store=store, pickle_key=PICKLE_KEY, roster=roster
    )
    member = Party(roster.client, roster)
    member.listen()
    member.start()
    try:
        async with stage.party(names[1]) as bot:
            body = {
                "preset": "trusted_private_chat",
                "is_direct": True,
                "initial_state": [MEGOLM],
                "invite": [member.user_id],
            }
            room_id = await bot.client.create_room(body)
            await member.until(lambda: any(news.membership == "invite" for news in member.memberships))
            await member.client.join(room_id)
            await member.say(room_id, "help")
            heard = await bot.hears("help")
            assert (heard.encrypted, heard.trust) == (True, Trust.OWNER_SIGNED)
            await bot.say(room_id, "here is help")
            await member.client.mark_read(room_id, (await member.hears("here is help")).event_id)
            await bot.until(lambda: any(receipt[1] == member.user_id for receipt in bot.receipts))
    finally:
        await member.stop()


async def test_a_fallback_key_stands_in(stage, synapse, names):
    """Somebody has claimed every one-time key while the bot was away: a new peer still reaches it."""
    async with stage.party(names[1]) as teak:
        async with stage.party(names[0]) as lotus:
            room_id = await together(teak, lotus)
            target = (lotus.user_id, lotus.client.device_id)
        (thief,) = await crowd(synapse, 1, prefix=f"b_thief_{names[0]}")
        async with Api(synapse.url, thief.access_token) as api:
            wanted = {"one_time_keys": {target[0]: {target[1]: "signed_curve25519"}}}
            claimed = [await api.request("POST", "/keys/claim", body=wanted) for _ in range(60)]
        keys = [next(iter(answer["one_time_keys"][target[0]][target[1]].values())) for answer in claimed]
        assert keys[-1].get("fallback") is True
        async with stage.party(names[2]) as reed:
            await teak.client.invite(room_id, reed.user_id)
            await reed.client.join(room_id)
            await settled(room_id, {teak.user_id, target[0], reed.user_id}, reed)
            await reed.say(room_id, "by the fallback key")
            async with stage.party(names[0]) as lotus:
                await lotus.hears("by the fallback key")

                async def replenished() -> bool:
                    answer = await lotus.client._api.request("POST", "/keys/upload", body={})
                    return answer["one_time_key_counts"].get("signed_curve25519") == 50

                await until(replenished)


async def test_a_malformed_message_stops_nothing(stage, synapse, names):
    """Any account of the server can send one."""
    async with stage.party(names[0]) as lotus, stage.party(names[1]) as teak:
        (vandal,) = await crowd(synapse, 1, prefix=f"b_vandal_{names[0]}")
        own = lotus.client._sharing._olm.curve25519
        content = {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": vandal.account.curve25519_key.to_base64(),
            "ciphertext": {own: {"type": 0, "body": "!!!"}},
        }
        async with Api(synapse.url, vandal.access_token) as api:
            body = {"messages": {lotus.user_id: {lotus.client.device_id: content}}}
            await api.request("PUT", "/sendToDevice/m.room.encrypted/{}", uuid4().hex, body=body)
        room_id = await together(teak, lotus)
        await teak.say(room_id, "still here?")
        await lotus.hears("still here?")


async def test_a_dead_token_is_replaced(stage, synapse, names):
    """Another login of the same device ends the token: the bot logs in again and goes on."""
    async with stage.party(names[0]) as lotus, stage.party(names[1]) as teak:
        room_id = await together(lotus, teak)
        await login_as_service(
            homeserver_url=synapse.url,
            as_token=synapse.as_token,
            user_id=lotus.user_id,
            device_id=lotus.client.device_id,
        )
        await teak.say(room_id, "one")
        await lotus.hears("one")
        await lotus.say(room_id, "two")
        heard = await teak.hears("two")
    assert (heard.device_id, heard.trust) == (lotus.client.device_id, Trust.OWNER_SIGNED)


async def test_a_deleted_device_is_put_back(stage, synapse, names):
    """Logged out from outside, keys and all: the same device is published and signed again."""
    async with stage.party(names[0]) as lotus, stage.party(names[1]) as teak:
        room_id = await together(lotus, teak)
        await lotus.client._api.request("POST", "/logout", body={})
        await lotus.say(room_id, "I was away")
        heard = await teak.hears("I was away")
        assert heard.device_id in (lotus.client.device_id, None)
        await settled(room_id, {lotus.user_id, teak.user_id}, lotus, teak)
        await teak.say(room_id, "there you are")
        await lotus.hears("there you are")
        await lotus.say(room_id, "here I am")
        assert (await teak.hears("here I am")).trust is Trust.OWNER_SIGNED


async def test_a_replaced_identity_does_not_silence(stage, synapse, names, tmp_path):
    """Whoever steals the service's token can replace a bot's identity; at the next start it has its own."""
    async with stage.party(names[1]) as teak:
        async with stage.party(names[0]) as lotus:
            room_id = await together(lotus, teak)
            await lotus.say(room_id, "one")
            first = await teak.hears("one")
        async with Api(synapse.url, synapse.as_token, as_user=lotus.user_id) as thief:
            await publish_identity(thief, lotus.user_id, tmp_path / "thief.seeds", replace=True)
        async with stage.party(names[0]) as lotus:
            await lotus.say(room_id, "still me")
            second = await teak.hears("still me")
    assert (first.trust, second.trust) == (Trust.OWNER_SIGNED, Trust.CHANGED)


async def test_a_gap_is_filled(stage, synapse, names):
    """Two hundred messages in an absence: all are told, in order, once."""
    async with stage.party(names[1], policy=KeyPolicy.PLAIN) as teak:
        async with stage.party(names[0]) as lotus:
            body = {"preset": "private_chat", "invite": [lotus.user_id]}
            room_id = await teak.client.create_room(body)
            await lotus.client.join(room_id)
            await settled(room_id, {lotus.user_id, teak.user_id}, lotus, teak)
            await teak.say(room_id, "0")
            await lotus.hears("0")
        for number in range(1, 201):
            await teak.say(room_id, str(number))
        async with stage.party(names[0]) as lotus:
            await lotus.hears("200")
    told = [body for body in lotus.bodies() if body != "0"]
    assert told == [str(number) for number in range(1, 201)]


async def test_no_bot_on_a_server_whose_tokens_expire(tmp_path):
    """`session_lifetime` would silence the bots one night: provisioning refuses."""
    async with bare_synapse(tmp_path / "expiring", session_lifetime="1h") as expiring:
        stage = Stage(expiring.url, expiring.server_name, expiring.as_token, tmp_path)
        with pytest.raises(LoginExpires):
            await stage.provision("b_lotus")
