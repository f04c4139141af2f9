"""Letting out of a conversation and back in, from the service to a real homeserver."""

import asyncio

import pytest

from banyan.clock import SystemClock
from banyan.domain.effects import Actor
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.matrix import Api
from banyan.services.ids import RandomIds
from banyan.services.outbox import Drain, Wakes
from banyan.services.rooms import Rooms
from banyan.store import SqlWork
from homeserver.actors import GateActor
from tests.live.homeserver import CLOSED, MEGOLM
from tests.waiting import until

pytestmark = pytest.mark.live

SPACE = {"initial_state": CLOSED, "creation_content": {"type": "m.space"}}
TALK, CLIMATE, ALERT = RoomKey("talk:KH"), RoomKey("theme:climate"), RoomKey("alert:KH")
HELPER = Member("f1", "sage-otter", Placement("KH", roles=frozenset({"focal_point"})), "en")


def only_for(space):
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    rules = {"type": "m.room.join_rules", "state_key": "", "content": rule}
    return {"initial_state": [MEGOLM, *CLOSED, rules]}


@pytest.fixture
async def standing(homeserver, work):
    """A country's rooms and a theme, on the homeserver and in the books: key → room id."""
    space = await homeserver.grow_room(**SPACE)
    ids = {RoomKey("space:KH"): space, CLIMATE: await homeserver.grow_room()}
    for key in (TALK, ALERT):
        ids[key] = await homeserver.grow_room(**only_for(space))
    async with work() as tx:
        for key, room_id in ids.items():
            area = "regional" if key == CLIMATE else "KH"
            await tx.rooms.put(Room(key, room_id, RoomKind(key.partition(":")[0]), area, "en"))
    return ids


@pytest.fixture
async def ours(homeserver, work):
    """The books, with the gate at work on the homeserver."""
    wakes, clock = Wakes(), SystemClock()
    ours = SqlWork(work._engine, clock, RandomIds(), wakes)
    async with Api(homeserver.url, homeserver.secret("gate.secret")) as api, asyncio.TaskGroup() as group:
        drain = Drain(ours, Actor.GATE, GateActor(homeserver.gate, api, lambda: None).handlers, clock)
        wakes.listen(drain)
        task = group.create_task(drain.run())
        yield ours
        task.cancel()


async def test_out_of_a_conversation_and_back(homeserver, ours, network, standing):
    """Out: they cannot come back by themselves, and the alarm stays. In again, and into a theme besides."""
    home = {room_id for key, room_id in standing.items() if key != CLIMATE}
    someone = await homeserver.member("sage-heron", home)
    rooms = Rooms(SystemClock(), network, Accounts(homeserver.server_name))
    about = Member("m1", "sage-heron", Placement("KH"), "en", MemberStatus.ADMITTED)
    async with ours() as tx:
        await tx.members.add(about)

    async def all_done():
        async with ours.reading() as tx:
            return not (await tx.outbox.waiting())[Actor.GATE]

    async def carried_out(change, key):
        async with ours() as tx:
            await change(tx, key, await tx.members.get("m1"), by=HELPER, actor="test")
        await until(all_done, every=0.01)

    await carried_out(rooms.bar, TALK)
    assert set(await someone.matrix.joined_rooms()) == home - {standing[TALK]}
    async with homeserver.refusing("not-expected"):
        await someone.matrix.join(standing[TALK])
    await carried_out(rooms.let_in, CLIMATE)
    assert set(await someone.matrix.joined_rooms()) == {*standing.values()} - {standing[TALK]}
    await carried_out(rooms.let_in, TALK)
    assert set(await someone.matrix.joined_rooms()) == {*standing.values()}
