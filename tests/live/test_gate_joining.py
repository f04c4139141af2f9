"""Who comes into the rooms."""

import asyncio
import sqlite3
from contextlib import closing, contextmanager

import pytest

from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError
from homeserver import names
from homeserver.actors import ADMIT
from tests.live.homeserver import CLOSED, MEGOLM, started_homeserver
from tests.waiting import until

pytestmark = pytest.mark.live
TEXT = {"msgtype": "m.text", "body": "x"}


def send(matrix, room: str, transaction: str):
    return matrix.request("PUT", "/rooms/{}/send/m.room.encrypted/{}", room, transaction, body=TEXT)


async def test_who_is_not_expected_stays_out_whoever_invites(homeserver):
    """Neither the warden's invitation nor a join of one's own lets anybody in."""
    member = await homeserver.member("iris-grey")
    room = await homeserver.grow_room()
    async with homeserver.refusing("not-expected"):
        await homeserver.warden.invite(room, member.user_id)
    async with homeserver.refusing("not-expected"):
        await member.matrix.join(room)
    path, body = "/_synapse/admin/v1/join/{}", {"user_id": member.user_id}
    with pytest.raises(MatrixError):
        await homeserver.registrar.request("POST", path, room, body=body)
    assert member.user_id not in await homeserver.warden.joined_members(room)


async def test_an_invitation_lapses_with_the_row(homeserver):
    """Whoever was invited and is expected no longer cannot use the invitation."""
    room = await homeserver.grow_room()
    member = await homeserver.member("iris-plum")
    homeserver.gate.allow(member.user_id, [room])
    await homeserver.warden.invite(room, member.user_id)
    homeserver.gate.withdraw(member.user_id, [room])
    async with homeserver.refusing("not-expected"):
        await member.matrix.join(room)


async def test_the_gate_joins_whom_the_table_expects(homeserver):
    """An invite-only room, and a room open to a space, space first; asked again it changes nothing."""
    space = await homeserver.grow_room(initial_state=CLOSED, creation_content={"type": "m.space"})
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    inner = await homeserver.grow_room(
        initial_state=[MEGOLM, *CLOSED, {"type": "m.room.join_rules", "state_key": "", "content": rule}]
    )
    quiet = await homeserver.grow_room()
    member = await homeserver.member("iris-teal", [space, inner, quiet])
    assert set(await member.matrix.joined_rooms()) == {space, inner, quiet}
    assert await homeserver.admit(member.user_id) == {"joined": [], "already": 3, "refused": []}
    state = await homeserver.warden.get_state(inner)
    joined = next(event["content"] for event in state if event["state_key"] == member.user_id)
    assert "join_authorised_via_users_server" in joined, "an invitation was spent where the space was enough"


async def test_registration_alone_joins(homeserver):
    """Nobody has to ask the gate: it joins whoever has just registered."""
    room = await homeserver.grow_room()
    user_id = homeserver.user_id("iris-rose")
    homeserver.gate.allow(user_id, [room])
    token = await homeserver.invitation("iris-rose")
    await homeserver.register(token, "a long enough phrase", typed="iris-rose")

    async def joined() -> bool:
        return user_id in await homeserver.warden.joined_members(room)

    await until(joined)


async def test_a_room_that_cannot_be_joined_does_not_hold_up_the_others(homeserver):
    """It is told as refused, and the next admission tries again."""
    room = await homeserver.grow_room()
    member = await homeserver.member("iris-gold")
    homeserver.gate.allow(member.user_id, ["!gone:banyan.test", room])
    answer = await homeserver.admit(member.user_id)
    assert answer == {"joined": [room], "already": 0, "refused": ["!gone:banyan.test"]}


async def test_members_are_admitted_side_by_side(homeserver):
    """Two admissions of one member at once leave one membership, and many members do not wait in a row."""
    room = await homeserver.grow_room()
    members = [await homeserver.member(f"vine-{n}") for n in range(4)]
    for member in members:
        homeserver.gate.allow(member.user_id, [room])
    answers = await asyncio.gather(*(homeserver.admit(m.user_id) for m in members for _ in range(2)))
    assert not [answer for answer in answers if answer["refused"]]
    assert sum(len(answer["joined"]) for answer in answers) == len(members), "a join was written twice"
    assert {m.user_id for m in members} <= await homeserver.warden.joined_members(room)


async def test_admitting_needs_the_secret(homeserver):
    """The resource is on the public listener."""
    for token in (None, "guess", homeserver.secret("registrar.token")):
        api = await homeserver.session(token)
        for path in ("admit", "ping"):
            body = {"user_id": "@a:banyan.test"}
            with pytest.raises(MatrixError) as caught:
                await api.request("POST", "/_synapse/client/banyan/{}", path, body=body)
            assert caught.value.status == 401


async def test_only_people_of_this_server_are_admitted(homeserver):
    """Others cannot be joined by this server."""
    for user_id in ("@a:elsewhere.test", "a", None):
        with pytest.raises(MatrixError) as caught:
            await homeserver.admit(user_id)
        assert caught.value.status == 400


@contextmanager
def locked(home):
    """Somebody else writes, and does not end."""
    with closing(sqlite3.connect(home / "gate.db", isolation_level=None)) as blocker:
        blocker.execute("PRAGMA locking_mode = EXCLUSIVE")
        blocker.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def deleted(home):
    """It is gone, with all that belongs to it. Who writes next makes it anew."""
    for file in home.glob("gate.db*"):
        file.unlink()
    yield


@contextmanager
def garbled(home):
    """It is no database any more."""
    for file in home.glob("gate.db*"):
        file.write_bytes(b"nonsense" * 1000)
    try:
        yield
    finally:
        for file in home.glob("gate.db*"):
            file.unlink()


@pytest.mark.parametrize("broken", [deleted, locked, garbled])
async def test_without_its_table_the_gate_lets_nobody_new_in(homeserver, broken):
    """Registration, invitation, private chat and admission fail; members go on talking in their rooms."""
    name = f"leaf-{broken.__name__}"
    room, other, asked = [await homeserver.grow_room() for _ in range(3)]
    member = await homeserver.member(name, [room])
    homeserver.gate.allow(member.user_id, [other, asked])
    await homeserver.warden.invite(asked, member.user_id)
    token = await homeserver.invitation(f"{name}-late")
    impatient = await homeserver.session(homeserver.secret("gate.secret"), patience=0.1)
    with broken(homeserver.home):
        async with homeserver.refusing("unavailable"):
            await homeserver.register(token, "a long enough phrase", typed=f"{name}-late")
        async with homeserver.refusing("unavailable"):
            await homeserver.warden.invite(other, member.user_id)
        for closed in (other, asked):
            async with homeserver.refusing("unavailable"):
                await member.matrix.join(closed)
        async with homeserver.refusing("unavailable"):
            await member.matrix.create_room(
                {
                    "preset": "trusted_private_chat",
                    "is_direct": True,
                    "invite": [homeserver.user_id("a")],
                    "initial_state": [MEGOLM],
                }
            )
        with pytest.raises(HomeserverDown, match="503"):
            await impatient.request("POST", ADMIT, body={"user_id": member.user_id})
        await send(member.matrix, room, "still")
        assert member.user_id in await homeserver.warden.joined_members(room)


async def test_private_chats_can_be_turned_off(tmp_path):
    """The network file decides; the desk's chats stay."""
    async with started_homeserver(tmp_path, private_chats=False) as homeserver, homeserver.clients():
        room = await homeserver.grow_room()
        one = await homeserver.member("ash-one", [room])
        two = await homeserver.member("ash-two", [room])
        asked = {"preset": "private_chat", "is_direct": True, "initial_state": [MEGOLM, *CLOSED]}
        async with homeserver.refusing("private-chats-off"):
            await one.matrix.create_room(asked | {"invite": [two.user_id]})
        desk = await homeserver.acting(names.DESK)
        await desk.create_room(asked | {"invite": [two.user_id]})
