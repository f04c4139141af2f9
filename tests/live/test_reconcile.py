"""A whole running network whose rooms somebody changes behind its back, as one who owns the server can."""

import json
import sqlite3
import time

import aiohttp
import pytest
import pytest_asyncio

from banyan.clock import SystemClock
from banyan.matrix import Api
from banyan.services.ids import RandomIds
from banyan.services.looking import look
from banyan.store import SqlWork, open_store
from bots.client.olm import Olm, publish_keys
from bots.client.store import Store
from homeserver.supervise import Synapse
from tests.banyan.stores import sqlite_url
from tests.client.network import PASSPHRASE, Network
from tests.live.drift import KEEPER, Attacker, attacking
from tests.waiting import until

pytestmark = pytest.mark.live

MEMBER = "m.room.member"
TALK, SPACE, ALERT = "talk:KH", "space:KH", "alert:KH"
THEME, CROWD = "theme:climate", "theme:justice"
"""Two, for a room in which too much is put right counts as fought over."""


class Rig:
    """A running network, its rooms, and somebody who attacks it."""

    def __init__(self, network: Network, attacker: Attacker) -> None:
        self.network, self.attacker = network, attacker
        self.ids = dict(self.rows("SELECT key, room_id FROM rooms"))

    def rows(self, query: str, *values: str) -> list:
        connection = sqlite3.connect(self.network.home / "banyan.db", timeout=10)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def frozen(self, key: str) -> bool:
        return bool(self.rows("SELECT frozen FROM rooms WHERE key = ?", key)[0][0])

    def told(self, key: str) -> list[str]:
        """Reasons of the warnings about that room, as they were asked for, spoken or not."""
        entries = [json.loads(body) for (body,) in self.rows("SELECT body FROM log")]
        return [each["reason"] for each in entries if each["object"] == key and each["reason"]]

    async def right_again(self, key: str, before: dict) -> float:
        """Seconds until the room says what it said before, or nothing where it said nothing."""

        async def right() -> bool:
            return same(await self.attacker.state(self.ids[key]), before)

        return await until(right)

    def write(self, query: str) -> int:
        """Change our books behind our back; how many rows."""
        connection = sqlite3.connect(self.network.home / "banyan.db", timeout=10)
        try:
            with connection:
                return connection.execute(query).rowcount
        finally:
            connection.close()

    async def failing(self) -> list[str]:
        """What /health names."""
        async with self.network.http.get(f"{self.network.run.web_url}/health") as answer:
            return (await answer.json())["failing"]

    def nothing_to_look_at(self) -> bool:
        """Whether the warden has looked wherever it was asked to."""
        return not self.rows("SELECT 1 FROM outbox WHERE kind = 'look' AND state = 'queued'")

    async def well(self) -> bool:
        """Whether /health names nothing."""
        return not await self.failing()


NOTHING = (
    {},
    {"topic": ""},
    {"name": ""},
    {"allow": ["*"], "deny": [], "allow_ip_literals": True},
    {"membership": "leave"},
)


def same(state: dict, before: dict) -> bool:
    """Whether nothing is said that was not said before, and everything that was."""
    kept = all(state.get(key) == content for key, content in before.items())
    return kept and all(content in NOTHING for key, content in state.items() if key not in before)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory):
    async with aiohttp.ClientSession() as http:
        network = Network(tmp_path_factory.mktemp("reconciled") / "home", http)
        try:
            await network.start()
            async with attacking(network.home) as attacker:
                rig = Rig(network, attacker)
                await until(rig.well)
                yield rig
        finally:
            await network.stop()


def sets(kind, content, state_key="", key=THEME):
    async def harm(rig):
        await rig.attacker.set(rig.ids[key], kind, content, state_key=state_key)

    return key, harm


def puts_in(localpart, key=CROWD):
    async def harm(rig):
        who = rig.attacker.account(localpart) if localpart else await rig.attacker.new_account()
        await rig.attacker.put_in(rig.ids[key], who)

    return key, harm


async def _raises(rig):
    """`make_room_admin`'s deed: a new level for somebody, in the warden's name."""
    levels = (await rig.attacker.state(rig.ids[CROWD]))["m.room.power_levels", ""]
    users = levels["users"] | {rig.attacker.account("desk"): 99}
    await rig.attacker.set(rig.ids[CROWD], "m.room.power_levels", levels | {"users": users, "invite": 0})


async def _asks_in(rig):
    await rig.attacker.move(rig.ids[CROWD], await rig.attacker.new_account(), "invite")


async def _puts_alarm_out(rig):
    await rig.attacker.move(rig.ids[ALERT], rig.attacker.account("alarm"), "leave")


DRIFT = {
    "a topic": sets("m.room.topic", {"topic": "meet at the bridge"}),
    "a picture": sets("m.room.avatar", {"url": "mxc://a/b"}),
    "pins": sets("m.room.pinned_events", {"pinned": ["$a"]}),
    "a widget": sets("im.vector.modular.widgets", {"url": "https://a.test", "type": "x"}, "w1"),
    "a list of servers": sets("m.room.server_acl", {"allow": ["*"], "deny": ["evil.test"]}),
    "another name": sets("m.room.name", {"name": "Press office"}, key="guide:KH"),
    "everybody joins": sets("m.room.join_rules", {"join_rule": "public"}),
    "guests": sets("m.room.guest_access", {"guest_access": "can_join"}),
    "shared history": sets("m.room.history_visibility", {"history_visibility": "shared"}, key="guide:KH"),
    "messages for ever": sets("m.room.retention", {}, key="guide:KH"),
    "another mark": sets("social.banyan.locator", {"id": "x"}, key="guide:KH"),
    "another parent": sets("m.space.parent", {"via": ["a.test"], "canonical": True}, "!other", key=TALK),
    "a trap in the space": sets("m.space.child", {"via": ["a.test"]}, "!trap", key=SPACE),
    "an invitation by address": sets("m.room.third_party_invite", {"display_name": "x"}, "token"),
    "a level": (CROWD, _raises),
    "a stranger": puts_in(None),
    "a stranger asked in": (CROWD, _asks_in),
    "our desk where people talk": puts_in("desk"),
    "an alert room without its alarm": (ALERT, _puts_alarm_out),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("what", DRIFT)
async def test_what_is_changed_is_put_back(rig, what, record_property):
    """Within seconds, and the room is not frozen for it."""
    key, harm = DRIFT[what]
    before = await rig.attacker.state(rig.ids[key])
    await harm(rig)
    record_property("seconds", round(await rig.right_again(key, before), 2))
    assert not rig.frozen(key)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_room_that_is_looked_at_in_vain_is_not_written_to(rig):
    """A look at every room of a network that is well leaves every state event as it is."""
    before = {key: await rig.attacker.events(room_id) for key, room_id in rig.ids.items()}
    (last,) = rig.rows("SELECT max(seq) FROM outbox")[0]
    engine = open_store(sqlite_url(rig.network.home))
    try:
        async with SqlWork(engine, SystemClock(), RandomIds())() as tx:
            for room_id in rig.ids.values():
                await look(tx, room_id)
    finally:
        await engine.dispose()
    await until(rig.nothing_to_look_at)
    # more than ours, when the homeserver tells late of what was before
    looks = rig.rows(f"SELECT lane, result FROM outbox WHERE kind = 'look' AND seq > {last}")
    assert {lane for lane, _ in looks} == set(rig.ids.values())
    assert all(json.loads(result) == {"repaired": 0, "refused": 0} for _, result in looks)
    assert {key: await rig.attacker.events(room_id) for key, room_id in rig.ids.items()} == before


@pytest.mark.asyncio(loop_scope="module")
async def test_a_fight_ends_in_silence_until_staff_end_it(rig, record_property):
    """The third time the room is frozen, staff are told once; `room thaw` sets it right again."""
    room_id = rig.ids["talk:LA"]
    open_levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]

    async def topic():
        return (await rig.attacker.state(room_id)).get(("m.room.topic", ""), {}).get("topic", "")

    async def back():
        return not await topic()

    for at in range(3):
        assert not rig.frozen("talk:LA")
        await rig.attacker.set(room_id, "m.room.topic", {"topic": f"the {at}. lie"})
        await until(back)

    async def silent():
        levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]
        return levels["events_default"] == 50

    record_property("seconds until it was silent", round(await until(silent), 2))
    assert rig.told("talk:LA") == ["room-fought-over"]
    await rig.attacker.set(room_id, "m.room.topic", {"topic": "the last lie"})
    assert "talk:LA" in await rig.network.banyan("room", "list")
    await rig.network.banyan("room", "thaw", "talk:LA")

    async def thawed():
        levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]
        return levels == open_levels and not await topic()

    record_property("seconds until it was thawed", round(await until(thawed), 2))


async def _changes_encryption(rig, room_id):
    await rig.attacker.set(room_id, "m.room.encryption", {"algorithm": "org.example.none"})


async def _closes(rig, room_id):
    await rig.attacker.bring_keeper(room_id)
    await rig.attacker.set(room_id, "m.room.tombstone", {"body": "x", "replacement_room": "!x"}, by=KEEPER)


async def _takes_power(rig, room_id):
    await rig.attacker.bring_keeper(room_id)
    levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]
    users = {who: level for who, level in levels["users"].items() if level < 100}
    await rig.attacker.set(room_id, "m.room.power_levels", levels | {"users": users}, by=KEEPER)


async def _puts_out(rig, room_id):
    await rig.attacker.bring_keeper(room_id)
    await rig.attacker.move(room_id, rig.attacker.account("warden"), "leave", by=KEEPER)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("key", "reason", "harm"),
    [
        ("talk:VN", "room-encryption-changed", _changes_encryption),
        ("talk:MM-1", "room-closed", _closes),
        ("talk:MM-2", "room-warden-powerless", _takes_power),
        ("guide:MM-2", "room-warden-out", _puts_out),
    ],
)
async def test_what_cannot_be_undone_is_told(rig, key, reason, harm, record_property):
    """The room is frozen in our books and staff are told, by its key."""
    await harm(rig, rig.ids[key])
    record_property("seconds", round(await until(lambda: rig.told(key) == [reason]), 2))
    assert rig.frozen(key)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_device_of_any_account_of_ours_is_told_once(rig, record_property):
    """Within a minute, by the account's name; /health says so; it is well again when the device is gone."""
    names = ("keeper", "warden", "registrar", "desk", "alarm", "steward")
    path = "/_synapse/admin/v2/users/{}/devices"
    for name in names:
        user_id = rig.attacker.account(name)
        await rig.attacker.admin.request("POST", path, user_id, body={"device_id": "THIEF"})

    def told():
        return sorted(reason for name in names for reason in rig.told(name))

    expected = ["account-has-device"] * 5 + ["warden-has-device"]
    record_property("seconds", round(await until(lambda: told() == expected), 1))

    async def said() -> bool:
        return await rig.failing() == ["warden"]

    await until(said)
    for name in names:
        await rig.attacker.admin.delete_devices(rig.attacker.account(name), ["THIEF"])
    await until(rig.well)
    assert told() == expected


@pytest.mark.asyncio(loop_scope="module")
async def test_who_was_put_in_gets_no_key_and_is_put_out(rig, tmp_path, record_property):
    """An alert while nothing is put right: the member's phone gets the key, the stranger's does not.

    The stranger is put out as soon as the reconciler is back: it looks at everything again.
    """
    room_id, network = rig.ids[ALERT], rig.network
    sender = await network.enrol("relay", "--direct")
    invited = await network.invite("KH")
    await network.join(invited)
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": invited.user_id},
        "password": PASSPHRASE,
    }
    async with Api(rig.attacker.url, None) as api:
        member = await api.request("POST", "/login", body=login)
    applied = rig.write("UPDATE noted SET value = 'x' || value WHERE key = 'network'")
    await until(rig.nothing_to_look_at)  # a look that began before that would still put things right
    stranger = await rig.attacker.new_session()
    await rig.attacker.put_in(room_id, stranger["user_id"])
    phones = [await phone(rig.attacker.url, each, tmp_path) for each in (member, stranger)]
    try:
        told = await network.alert(sender, "KH", headline="Look out")
        await network.arrived(told["status_url"])
        alarm = rig.attacker.account("alarm")
        assert [await has_keys_of(alarm, each) for each in phones] == [True, False]
        assert (await rig.attacker.state(room_id))[MEMBER, stranger["user_id"]]["membership"] == "join"

        async def said() -> bool:
            return "network" in await rig.failing()

        await until(said)
        rig.write("UPDATE noted SET value = substr(value, 2) WHERE key = 'network'")

        async def out():
            state = await rig.attacker.state(room_id)
            return state[MEMBER, stranger["user_id"]]["membership"] == "leave"

        record_property("seconds until out", round(await until(out), 1))
        assert (await rig.attacker.state(room_id))[MEMBER, member["user_id"]]["membership"] == "join"
    finally:
        for each in phones:
            await each.close()
    assert applied == 1


async def phone(url, session, directory):
    """A device that published its keys, as every app does."""
    store = Store(directory / f"{session['device_id']}.db")
    try:
        olm = Olm(store, session["user_id"], session["device_id"], "pickle", clock=time.time)
        api = Api(url, session["access_token"])
        await publish_keys(api, olm)
    finally:
        store.close()
    return api


async def has_keys_of(sender, api):
    """Whether an encrypted to-device message of somebody waits for a device: a room key, here."""
    events = (await api.request("GET", "/sync", params={"timeout": 0})).get("to_device", {}).get("events", [])
    return any((each["type"], each["sender"]) == ("m.room.encrypted", sender) for each in events)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_role_sets_its_level_at_once(rig, record_property):
    """Granted on the machine, without `apply`; and it counts as no repair."""
    invited = await rig.network.invite("TH")
    await rig.network.join(invited)
    await rig.network.grant(invited.user_id, "focal_point")

    async def level():
        users = (await rig.attacker.state(rig.ids["talk:TH"]))["m.room.power_levels", ""]["users"]
        return users.get(invited.user_id) == 50

    record_property("seconds", round(await until(level), 2))
    await until(rig.nothing_to_look_at)
    assert not rig.rows("SELECT 1 FROM repairs WHERE room_id = ?", rig.ids["talk:TH"])


@pytest.mark.asyncio(loop_scope="module")
async def test_killed_while_it_repairs_and_changed_while_it_is_down(rig):
    """All of it is right after the next start; what is frozen stays so, over `apply` too."""
    key, room_id = "talk:TH", rig.ids["talk:TH"]
    before = await rig.attacker.state(room_id)
    rig.write("UPDATE rooms SET frozen = 1 WHERE key = 'talk:VN'")
    frozen = {key for key in rig.ids if rig.frozen(key)}
    await until(rig.nothing_to_look_at)
    ((last,),) = rig.rows("SELECT max(seq) FROM outbox")
    await rig.attacker.set(room_id, "m.room.avatar", {"url": "mxc://a/b"})
    await rig.attacker.set(room_id, "m.room.join_rules", {"join_rule": "public"})
    begun = f"SELECT 1 FROM outbox WHERE lane = ? AND attempts > 0 AND seq > {last}"
    await until(lambda: rig.rows(begun, room_id))
    await rig.network.kill()
    synapse = Synapse(rig.network.home, rig.attacker.url)
    await synapse.start()
    try:
        await synapse.wait_ready()
        await rig.attacker.warden.put_state(room_id, "m.room.topic", {"topic": "nobody listens"})
        await rig.attacker.warden.put_state(room_id, "m.room.name", {"name": "Press office"})
    finally:
        await synapse.stop()
    await rig.network.start()
    await rig.network.banyan("apply")
    await rig.right_again(key, before)
    assert {key for key in rig.ids if rig.frozen(key)} == frozen

    async def silent() -> bool:
        levels = (await rig.attacker.state(rig.ids["talk:VN"]))["m.room.power_levels", ""]
        return levels["events_default"] == 50

    await until(silent)
