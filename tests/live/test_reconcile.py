"""A whole running network whose rooms somebody changes behind its back, as one who owns the server can."""

import asyncio
import json
import sqlite3
import time

import aiohttp
import pytest
import pytest_asyncio

from banyan.clock import SystemClock
from banyan.services.ids import RandomIds
from banyan.services.looking import look
from banyan.store import SqlWork, open_store
from tests.banyan.stores import sqlite_url
from tests.client.network import Network
from tests.live.drift import KEEPER, Attacker, attacking

pytestmark = pytest.mark.live

SOON = 30.0
"""Seconds to wait on a busy machine. What it took is reported; promised are ten."""
TALK, SPACE, ALERT, THEME = "talk:KH", "space:KH", "alert:KH", "theme:climate"


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
        began = time.monotonic()
        async with asyncio.timeout(SOON):
            while not same(await self.attacker.state(self.ids[key]), before):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def until(self, holds) -> float:
        """Seconds until something holds."""
        began = time.monotonic()
        async with asyncio.timeout(SOON):
            while not (await found if asyncio.iscoroutine(found := holds()) else found):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return time.monotonic() - began


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
                yield Rig(network, attacker)
        finally:
            await network.stop()


def sets(kind, content, state_key="", key=THEME):
    async def harm(rig):
        await rig.attacker.set(rig.ids[key], kind, content, state_key=state_key)

    return key, harm


def puts_in(localpart, key=THEME):
    async def harm(rig):
        who = rig.attacker.account(localpart) if localpart else await rig.attacker.new_account()
        await rig.attacker.put_in(rig.ids[key], who)

    return key, harm


async def _raises(rig):
    """`make_room_admin`'s deed: a new level for somebody, in the warden's name."""
    levels = (await rig.attacker.state(rig.ids[THEME]))["m.room.power_levels", ""]
    users = levels["users"] | {rig.attacker.account("desk"): 99}
    await rig.attacker.set(rig.ids[THEME], "m.room.power_levels", levels | {"users": users, "invite": 0})


async def _asks_in(rig):
    await rig.attacker.move(rig.ids[THEME], await rig.attacker.new_account(), "invite")


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
    "a level": (THEME, _raises),
    "a stranger": puts_in(None),
    "a stranger asked in": (THEME, _asks_in),
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
    looks = f"FROM outbox WHERE kind = 'look' AND seq > {last}"
    await rig.until(lambda: not rig.rows(f"SELECT 1 {looks} AND state = 'queued'"))
    results = [json.loads(result) for (result,) in rig.rows(f"SELECT result {looks}")]
    assert results == [{"repaired": 0, "refused": 0}] * len(rig.ids)
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
        await rig.until(back)

    async def silent():
        levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]
        return levels["events_default"] == 50

    record_property("seconds until it was silent", round(await rig.until(silent), 2))
    assert rig.told("talk:LA") == ["room-fought-over"]
    await rig.attacker.set(room_id, "m.room.topic", {"topic": "the last lie"})
    assert "talk:LA" in await rig.network.banyan("room", "list")
    await rig.network.banyan("room", "thaw", "talk:LA")

    async def thawed():
        levels = (await rig.attacker.state(room_id))["m.room.power_levels", ""]
        return levels == open_levels and not await topic()

    record_property("seconds until it was thawed", round(await rig.until(thawed), 2))


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
    record_property("seconds", round(await rig.until(lambda: rig.told(key) == [reason]), 2))
    assert rig.frozen(key)


@pytest.mark.asyncio(loop_scope="module")
async def test_it_stays_frozen_over_apply_and_restart_and_kill_mends(rig, record_property):
    """Kill everything (-9) while a room is put right: after the next start it is, and the frozen stay so."""
    key, talk = "talk:TH", rig.ids["talk:TH"]
    before = await rig.attacker.state(talk)
    frozen = {key for key in rig.ids if rig.frozen(key)}
    await rig.attacker.set(talk, "m.room.avatar", {"url": "mxc://a/b"})
    await rig.attacker.set(talk, "m.room.join_rules", {"join_rule": "public"})
    await rig.until(lambda: rig.rows("SELECT 1 FROM outbox WHERE lane = ? AND attempts > 0", talk))
    await rig.network.kill()
    await rig.network.start()
    attacker = Attacker(rig.network.home)
    try:
        rig.attacker = attacker
        record_property("seconds after it was well", round(await rig.right_again(key, before), 2))
        assert {key for key in rig.ids if rig.frozen(key)} == frozen
        levels = (await attacker.state(rig.ids["talk:VN"]))["m.room.power_levels", ""]
        assert levels["events_default"] == 50
    finally:
        for client in (attacker.inside, attacker.admin, attacker.warden, attacker.keeper):
            await client.close()
