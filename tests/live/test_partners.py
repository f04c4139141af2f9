"""Partner servers, tried for real: two homeservers with certificates, one of them hostile at will.

| what is tried | expected |
|---|---|
| somebody the network file names joins the joint room | in, and both sides read each other |
| somebody else on that server joins, or asks for a join | 403 |
| a guest joins a country, guide, alert or staff room | 403 or 404 |
| a guest invites a member of ours, or one of their own | 403; nobody is invited |
| a join signed by hand after the guest was withdrawn | 403; later messages still arrive |
| power, history, encryption, name written by hand | our state stays; later messages still arrive |
| profile of a member, list of rooms, state of a room they are not in | refused |
| keys of a member they share no room with | nothing is told |
| the server is cut off | its people banned, nothing flows either way, 403 to everything |
| killed in the middle of it | the next start is without that server, and ends what was begun |
| readmitted | invited again, everything flows |
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from banyan.matrix import MatrixError
from homeserver.admin import Admin
from tests.live.federation import JOINT, ROLE, Pair, declare, federating, reference
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

GUEST, SECOND, EVE = "lamp", "sail", "eve"
ELSEWHERE = ("space:KH", "talk:KH", "guide:KH", "alert:KH", "staff:vetting", "space:staff")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory) -> AsyncIterator[Pair]:
    """Two guests are in the joint room with a member of ours; one more is declared nowhere."""
    async with federating(tmp_path_factory.mktemp("pair"), GUEST, SECOND, EVE, guests=2) as pair:
        pair.member_id, pair.phone = await pair.member("KH", ROLE)
        pair.joint = pair.room(JOINT)

        async def there() -> bool:
            return pair.joint in await pair.phone.joined_rooms()

        await until(there)  # the role was granted; what follows from it is done later
        pair.lamp, pair.sail, pair.eve = [await pair.their(each) for each in (GUEST, SECOND, EVE)]
        for guest in (pair.lamp, pair.sail):
            await pair.accepted(guest, pair.joint)
        yield pair


async def arrives(pair, speaker, listener, room_id=None) -> float:
    """Say something; after how many seconds the other one has it."""
    room_id = room_id or pair.joint
    mark = await pair.speak(speaker, room_id)
    return await until(lambda: pair.hears(listener, room_id, mark))


async def in_joint_room(pair) -> dict[str, str]:
    """What the partner's people are to the joint room."""
    return {user[1:].partition(":")[0]: how for user, how in (await pair.memberships(pair.joint)).items()}


async def by_hand(pair, kind: str, content: dict, state_key: str = "") -> dict:
    """A state event in a guest's name, on top of what was said last, as their own server would sign it."""
    guest = guest_id(pair)
    template = (await pair.template(pair.joint, guest)).body["event"]
    (last, *_) = template["prev_events"]
    path = f"/_matrix/federation/v1/state/{pair.joint}?event_id={last}"
    state = {
        (each["type"], each.get("state_key")): each
        for each in (await pair.hostile.ask("GET", path)).body["pdus"]
    }
    auth = [("m.room.power_levels", ""), ("m.room.member", guest)]
    if kind == "m.room.member":
        auth.append(("m.room.join_rules", ""))
    event = template | {
        "type": kind,
        "state_key": state_key,
        "content": content,
        "auth_events": [reference(state[each]) for each in auth],
        "origin_server_ts": int(time.time() * 1000),
    }
    return pair.hostile.signed(event)


def guest_id(pair, localpart: str = GUEST) -> str:
    return f"@{localpart}:{pair.theirs.server_name}"


async def test_guests_talk_with_us(pair, record_property):
    """Invited by the warden, they come in; what is said reaches the other side, both ways."""
    there, back = await arrives(pair, pair.phone, pair.lamp), await arrives(pair, pair.lamp, pair.phone)
    record_property("seconds to them and back", (round(there, 2), round(back, 2)))
    assert await in_joint_room(pair) == {GUEST: "join", SECOND: "join"}
    members = await (await pair.warden()).joined_members(pair.joint)
    ours = {user for user in members if user.endswith(f":{pair.our_name}")}
    assert ours == {pair.ours.account("warden"), pair.member_id}


async def test_who_is_not_named_stays_out(pair):
    """Neither by their own homeserver, which asks ours, nor by a request written by hand."""
    with pytest.raises(MatrixError) as caught:
        await pair.eve.request("POST", "/join/{}", pair.joint, params={"server_name": pair.our_name})
    assert caught.value.status == 403
    assert (await pair.template(pair.joint, f"@{EVE}:{pair.theirs.server_name}")).status == 403
    assert EVE not in await in_joint_room(pair)


@pytest.mark.parametrize("key", ELSEWHERE)
async def test_no_other_room_knows_partners(pair, key):
    """A guest asks for a join, for its state, its history, its hierarchy: nothing, whatever the room is."""
    room_id, guest = pair.room(key), f"@{GUEST}:{pair.theirs.server_name}"
    with pytest.raises(MatrixError) as caught:
        await pair.lamp.request("POST", "/join/{}", room_id, params={"server_name": pair.our_name})
    assert caught.value.status in (403, 404)
    assert (await pair.template(room_id, guest)).status in (403, 404)
    state = await (await pair.warden()).get_state(room_id)
    event_id = state[-1]["event_id"]
    for path in (
        f"/_matrix/federation/v1/state/{room_id}?event_id={event_id}",
        f"/_matrix/federation/v1/state_ids/{room_id}?event_id={event_id}",
        f"/_matrix/federation/v1/backfill/{room_id}?v={event_id}&limit=10",
        f"/_matrix/federation/v1/event/{event_id}",
        f"/_matrix/federation/v1/make_knock/{room_id}/{guest}?ver=12",
        f"/_matrix/federation/v1/hierarchy/{room_id}",
    ):
        answer = await pair.hostile.ask("GET", path)
        assert answer.status in (403, 404), path


async def test_a_guest_invites_nobody(pair):
    """Neither a member of ours into a room of theirs, nor one of their own into the joint room."""
    for guest in (pair.lamp, pair.eve):
        with pytest.raises(MatrixError) as caught:
            await guest.create_room({"preset": "private_chat", "invite": [pair.member_id]})
        assert caught.value.status == 403
    found = await pair.phone.request("GET", "/sync", params={"timeout": 0})
    assert not found["rooms"].get("invite")
    eve = f"@{EVE}:{pair.theirs.server_name}"
    with pytest.raises(MatrixError) as caught:
        await pair.lamp.invite(pair.joint, eve)
    assert caught.value.status == 403
    await pair.hostile.send(await by_hand(pair, "m.room.member", {"membership": "invite"}, eve))
    await arrives(pair, pair.lamp, pair.phone)
    assert EVE not in await in_joint_room(pair)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("m.room.power_levels", {"users": {}, "users_default": 100}),
        ("m.room.history_visibility", {"history_visibility": "world_readable"}),
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.encryption", {}),
        ("m.room.server_acl", {"allow": ["*"], "deny": []}),
        ("m.room.name", {"name": "theirs"}),
    ],
)
async def test_what_a_hostile_server_writes_changes_nothing(pair, kind, content):
    """Signed by hand in a guest's name; what guests say afterwards arrives."""
    warden = await pair.warden()
    before = {each["type"]: each["content"] for each in await warden.get_state(pair.joint)}
    answer = await pair.hostile.send(await by_hand(pair, kind, content))
    assert answer.status == 200, "a whole transaction is never refused"
    await arrives(pair, pair.lamp, pair.phone)
    await arrives(pair, pair.phone, pair.lamp)
    after = {each["type"]: each["content"] for each in await warden.get_state(pair.joint)}
    assert after == before


async def test_a_join_kept_from_better_days_is_refused(pair):
    """Who is removed from the network file is taken out at the next `apply`; what they kept is refused.

    Named again, they are invited again.
    """
    sail, file = guest_id(pair, SECOND), pair.ours.home / "network.yaml"
    kept = (await pair.template(pair.joint, sail)).body["event"]
    declare(file, pair.theirs.server_name, guest_id(pair))
    await pair.ours.banyan("apply")

    async def out() -> bool:
        return (await in_joint_room(pair))[SECOND] == "leave"

    await until(out)
    event = pair.hostile.signed(kept)
    for version in ("v1", "v2"):
        path = f"/_matrix/federation/{version}/send_join/{pair.joint}/{reference(event)}"
        assert (await pair.hostile.ask("PUT", path, event)).status == 403
    await pair.hostile.send(event)
    await arrives(pair, pair.lamp, pair.phone)
    await arrives(pair, pair.phone, pair.lamp)
    assert await in_joint_room(pair) == {GUEST: "join", SECOND: "leave"}
    declare(file, pair.theirs.server_name, guest_id(pair), sail)
    await pair.ours.banyan("apply")
    await pair.accepted(pair.sail, pair.joint)


async def test_a_partners_server_learns_nothing_of_our_people(pair):
    """Neither profiles nor rooms; of keys only those of people who share a room with somebody there."""
    far, _ = await pair.member("KH")
    for path in (
        f"/_matrix/federation/v1/query/profile?user_id={far}",
        f"/_matrix/federation/v1/query/profile?user_id={pair.member_id}",
        "/_matrix/federation/v1/publicRooms",
        f"/_matrix/federation/v1/user/devices/{far}",
    ):
        answer = await pair.hostile.ask("GET", path)
        assert answer.status in (403, 404), (path, answer.status, answer.body)
    keys = await pair.hostile.ask(
        "POST", "/_matrix/federation/v1/user/keys/query", {"device_keys": {far: [], pair.member_id: []}}
    )
    assert far not in str(keys.body)
    assert pair.member_id in keys.body["device_keys"], (
        "without them nobody there could encrypt for our people"
    )


async def test_what_their_server_has_not_heard_is_known(pair):
    """While it stands still there is something to tell it, afterwards nothing: cutting off waits for that."""
    token = (pair.ours.home / "secrets" / "registrar.token").read_text().strip()
    async with Admin(pair.ours.run.homeserver_url, token) as admin:

        async def owed() -> bool:
            return await admin.owes(pair.theirs.server_name)

        async def paid() -> bool:
            return not await owed()

        await until(paid)
        with pair.stalled(pair.theirs.pid):
            mark = await pair.speak(pair.phone, pair.joint)
            await until(owed)
        await until(paid)
        await until(lambda: pair.theirs_holds(mark))  # it says so before it has judged it
        assert not await admin.owes("nowhere.test")


async def test_cut_off_and_readmitted(pair, record_property):
    """Banned, nothing flows either way, everything is refused; afterwards it is as it was."""
    plan = await pair.ours.banyan("partner", "cut", pair.theirs.server_name, "--plan")
    assert "restarts" in plan
    await arrives(pair, pair.phone, pair.lamp)
    began = time.monotonic()
    report = json.loads(await pair.ours.banyan("partner", "cut", pair.theirs.server_name, "--json"))
    record_property("seconds to cut off", round(time.monotonic() - began, 1))
    record_property("steps", [(each["step"], each["seconds"]) for each in report["steps"]])
    assert report["well"]
    assert [each["step"] for each in report["steps"]] == [
        *("withdraw", "withdraw"),
        *("ban", "ban", "acl", "acl"),
        "federate",
    ]
    assert await in_joint_room(pair) == {GUEST: "ban", SECOND: "ban"}
    unheard = await nothing_flows(pair)

    rows = json.loads(await pair.ours.banyan("partner", "list", "--json"))
    assert {row["partner"]: row["cut"] for row in rows} == {"harbour": True, "lantern": False}
    report = json.loads(await pair.ours.banyan("partner", "readmit", pair.theirs.server_name, "--json"))
    record_property("steps back", [(each["step"], each["seconds"]) for each in report["steps"]])
    assert report["well"]
    for guest in (pair.lamp, pair.sail):
        await pair.accepted(guest, pair.joint)
    await arrives(pair, pair.phone, pair.lamp)
    await arrives(pair, pair.lamp, pair.phone)
    assert not pair.theirs_holds(unheard), "what was said meanwhile is none of theirs, also afterwards"


async def nothing_flows(pair) -> str:
    """Whatever the server asks or sends is refused; the mark of what is said to our own people meanwhile."""
    ours = await pair.speak(pair.phone, pair.joint)
    with pytest.raises(MatrixError):  # by their own homeserver, which knows of the ban
        await pair.speak(pair.lamp, pair.joint)
    far = pair.member_id
    for method, path, content in (
        ("GET", f"/_matrix/federation/v1/make_join/{pair.joint}/{guest_id(pair)}?ver=12", None),
        ("GET", f"/_matrix/federation/v1/backfill/{pair.joint}?v=$x&limit=1", None),
        ("GET", f"/_matrix/federation/v1/query/profile?user_id={far}", None),
        ("POST", "/_matrix/federation/v1/user/keys/query", {"device_keys": {far: []}}),
        (
            "PUT",
            f"/_matrix/federation/v1/send/{secrets.token_hex(8)}",
            {"origin": pair.hostile.name, "origin_server_ts": 1, "pdus": []},
        ),
    ):
        assert (await pair.hostile.ask(method, path, content)).status == 403, path
    return ours


async def test_killed_while_cutting_off_it_stays_cut_off(pair):
    """Everything dies; the next start is without that server from its first moment, and ends the rest."""

    def begun() -> bool:
        query = "SELECT 1 FROM outbox WHERE kind = 'ban' AND state = 'queued' AND attempts > 0"
        return bool(pair.rows(query))

    with pair.stalled(pair.homeserver_pid):  # else all of it may be over before anybody is killed
        cutting = asyncio.create_task(pair.ours.banyan("partner", "cut", pair.theirs.server_name))
        await until(begun)
        await pair.ours.kill()
    with pytest.raises(RuntimeError):
        await cutting
    before = restarts(pair)
    await pair.ours.start()
    assert (await pair.template(pair.joint, guest_id(pair))).status == 403

    def over() -> bool:
        return not pair.rows("SELECT 1 FROM outbox WHERE state = 'queued' AND subject LIKE 'partner:%'")

    await until(over)
    assert restarts(pair) == before, "it was started without that server"
    assert await in_joint_room(pair) == {GUEST: "ban", SECOND: "ban"}
    report = json.loads(await pair.ours.banyan("partner", "cut", pair.theirs.server_name, "--json"))
    assert report["well"]
    assert [each.get("people") for each in report["steps"] if each["step"] == "ban"] == [0, 0]
    # Their server never heard of the bans, and keeps the room as it was: a new room is the way on
    sail = guest_id(pair, SECOND)
    declare(pair.ours.home / "network.yaml", pair.theirs.server_name, guest_id(pair), sail, place="again")
    await pair.ours.banyan("apply", "--allow-removals")
    await pair.ours.banyan("partner", "readmit", pair.theirs.server_name)
    pair.joint = pair.room("joint:again")
    for guest in (pair.lamp, pair.sail):
        await pair.accepted(guest, pair.joint)
    await arrives(pair, pair.lamp, pair.phone)


def restarts(pair) -> int:
    """How often the homeserver was started anew for the servers it may speak with."""
    return (pair.ours.home / "logs" / "banyan.log").read_text().count("homeserver-restarted")


async def test_the_logs_name_nobody(pair):
    """After all of this no person, room or message of theirs is in what we wrote down."""
    for file in (pair.ours.home / "logs").iterdir():
        text = file.read_text()
        for word in (GUEST, SECOND, pair.joint, pair.member_id):
            assert word not in text, file.name
