"""The brake on a real homeserver: how fast one word works, and that nobody comes back from it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic

import pytest

from banyan.clock import SystemClock
from banyan.demo.sample import Reader, Sample, reading
from banyan.domain.effects import Actor, Effect, EffectState
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.matrix import Api, MatrixError, Unauthorized
from banyan.services.freezing import Freezing, Step
from banyan.services.ids import RandomIds
from banyan.services.outbox import Drain, Wakes
from banyan.store import SqlWork
from homeserver import names
from homeserver.actors import EXPEL, GateActor, RegistrarActor
from tests.fakes import NOON
from tests.live.homeserver import CLOSED, MEGOLM, LiveHomeserver
from tests.waiting import until

pytestmark = pytest.mark.live

CHAT = {"preset": "trusted_private_chat", "is_direct": True, "initial_state": [MEGOLM, *CLOSED]}
SPACE = {"initial_state": CLOSED, "creation_content": {"type": "m.space"}}


@dataclass
class Brake:
    """The service over its books, and both actors at work on the homeserver."""

    homeserver: LiveHomeserver
    work: SqlWork
    freezing: Freezing
    gate: GateActor
    registrar: RegistrarActor
    clock: SystemClock

    async def pull(self, user_id: str, status: MemberStatus = MemberStatus.ADMITTED) -> str:
        """Write the member into the books and say the word. Return the subject of what follows."""
        member = Member(RandomIds().opaque(), user_id[1:].partition(":")[0], Placement("KH"), "en", status)
        async with self.work() as tx:
            await tx.members.add(member)
            return await self.freezing.freeze(tx, member, by="security_officer:test")

    async def times(self, subject: str) -> dict[str, float]:
        """Wait until all is done; seconds from the word to the end of each step."""
        steps: Sequence[Step] = ()

        async def done() -> bool:
            nonlocal steps
            async with self.work.reading() as tx:
                steps = await self.freezing.times(tx, subject)
            return all(step.done for step in steps)

        await until(done, every=0.01)
        return {step.name: step.seconds for step in steps if step.seconds is not None}


@pytest.fixture
async def brake(homeserver, work, network) -> AsyncIterator[Brake]:
    clock, wakes = SystemClock(), Wakes()
    ours = SqlWork(work._engine, clock, RandomIds(), wakes)
    secret = homeserver.secret("gate.secret")
    async with Api(homeserver.url, secret) as api, asyncio.TaskGroup() as group:
        gate = GateActor(homeserver.gate, api, lambda: None)
        registrar = RegistrarActor(homeserver.registrar)
        drains = [
            Drain(ours, Actor.GATE, gate.handlers, clock),
            Drain(ours, Actor.REGISTRAR, registrar.handlers, clock),
        ]
        tasks = []
        for drain in drains:
            wakes.listen(drain)
            tasks.append(group.create_task(drain.run()))
        freezing = Freezing(clock, network, Accounts(homeserver.server_name))
        yield Brake(homeserver, ours, freezing, gate, registrar, clock)
        for task in tasks:
            task.cancel()


def effect(kind: str, **payload) -> Effect:
    return Effect("1", 1, Actor.GATE, kind, payload, "", None, EffectState.QUEUED, NOON)


@asynccontextmanager
async def at_their_phone(homeserver, member, directory) -> AsyncIterator[Reader]:
    """The member's own encrypted client, on a device of its own."""
    sample = Sample(member.user_id, "KH", "en", member.password)
    async with reading(sample, homeserver.url, directory) as reader:
        yield reader


async def log_in(homeserver, member):
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": member.user_id},
        "password": member.password,
    }
    return await (await homeserver.session(None, patience=0)).request("POST", "/login", body=body)


async def memberships(homeserver, user_id) -> dict[str, str]:
    path = "/_synapse/admin/v1/users/{}/memberships"
    found = (await homeserver.registrar.request("GET", path, user_id))["memberships"]
    return {room: kind for room, kind in found.items() if kind in ("join", "invite", "knock")}


async def asking(matrix, answers: list) -> None:
    """Ask with the old token, again and again, until it is refused."""
    while True:
        try:
            await matrix.request("GET", "/account/whoami", patience=0)
        except MatrixError as error:
            answers.append((monotonic(), error))
            return
        answers.append((monotonic(), None))


async def test_one_word_ends_all_access(homeserver, brake, tmp_path, record_property):
    """Old token, open sync, rooms, private chat, invitation, the desk's chat, old password, new messages."""
    space = await homeserver.grow_room(**SPACE)
    room = await homeserver.grow_room()
    seized = await homeserver.member("reed-grey", [space, room])
    friend = await homeserver.member("reed-gold", [space, room])
    private = await friend.matrix.create_room(CHAT | {"invite": [seized.user_id]})
    await seized.matrix.join(private)
    asked = await friend.matrix.create_room(CHAT | {"invite": [seized.user_id]})
    desk = await homeserver.acting(names.DESK)
    chat = await desk.create_room(CHAT | {"invite": [seized.user_id], "preset": "private_chat"})
    await seized.matrix.join(chat)
    assert set(await memberships(homeserver, seized.user_id)) == {space, room, private, asked, chat}

    async with (
        at_their_phone(homeserver, seized, tmp_path) as phone,
        at_their_phone(homeserver, friend, tmp_path) as other,
    ):
        said: list[tuple[float, str]] = []

        async def say() -> None:
            text = {"msgtype": "m.text", "body": f"{len(said)} of these"}
            event_id = await other.client.send(room, text, txn_id=str(len(said)))
            said.append((monotonic(), event_id))

        await say()
        await until(lambda: said[0][1] in phone.read)
        answers: list = []
        waiting = asyncio.create_task(open_sync(seized.matrix))
        loop = asyncio.create_task(asking(seized.matrix, answers))
        await until(lambda: answers)
        word = monotonic()
        subject = await brake.pull(seized.user_id)
        # the phone may hold a key that it has not looked at: nothing reaches it once it is logged out
        while not (loop.done() and phone.logged_out.is_set() and await unreadable(phone, other, room, said)):
            await say()
        times = await brake.times(subject)
        dark = [each[0] for each in said if await unreadable(phone, other, room, [each])]
        await until(waiting.done)
        await asyncio.gather(loop, waiting)

    *fine, (refused_at, error) = answers
    assert (error.status, error.errcode) == (401, "M_UNKNOWN_TOKEN")
    assert not error.answer.get("soft_logout")
    assert await memberships(homeserver, seized.user_id) == {}
    assert await homeserver.registrar.devices(seized.user_id) == []
    assert (await homeserver.registrar.user(seized.user_id))["locked"] is True
    with pytest.raises(MatrixError) as caught:
        await log_in(homeserver, seized)
    assert caught.value.status in (401, 403)
    record_property("last answer to the old token, s", round(fine[-1][0] - word, 3))
    record_property("first refusal of the old token, s", round(refused_at - word, 3))
    record_property("first message that the frozen device cannot decrypt, s", round(dark[0] - word, 3))
    record_property("steps, s", {name: round(seconds, 3) for name, seconds in times.items()})


async def open_sync(matrix) -> None:
    """Wait for news of no room: only the end of the session ends it."""
    params = {"timeout": 0, "filter": '{"room": {"rooms": []}, "presence": {"types": []}}'}
    params["since"] = (await matrix.request("GET", "/sync", params=params))["next_batch"]
    with suppress(Unauthorized):
        while True:
            answer = await matrix.request("GET", "/sync", params=params | {"timeout": 300_000}, timeout=300)
            params["since"] = answer["next_batch"]


async def unreadable(phone: Reader, other: Reader, room: str, said: list[tuple[float, str]]) -> bool:
    """Whether the phone holds no key of the last of these, as the server has it."""
    _, event_id = said[-1]
    return not phone.client.can_read(room, await other.client.event(room, event_id))


async def test_a_locked_account_opens_no_session(homeserver, brake):
    """The right password is refused too, and no device comes of it."""
    member = await homeserver.member("reed-teal")
    await brake.registrar.lock(effect("lock", user_id=member.user_id))
    with pytest.raises(MatrixError) as caught:
        await log_in(homeserver, member)
    assert (caught.value.status, caught.value.errcode) == (401, "M_USER_LOCKED")
    assert await homeserver.registrar.devices(member.user_id) == []


async def test_the_old_password_ends_before_the_lock(homeserver, brake):
    """Each step stands by itself: killed after any of them, the next start goes on from there."""
    member = await homeserver.member("reed-plum")
    await brake.registrar.new_password(effect("new_password", user_id=member.user_id))
    with pytest.raises(MatrixError) as caught:
        await log_in(homeserver, member)
    assert (caught.value.status, caught.value.errcode) == (403, "M_FORBIDDEN")


async def test_who_was_taken_out_of_a_room_stays_out(homeserver, brake):
    """Neither by a join of their own where the space opens the room, nor by anybody's invitation."""
    space = await homeserver.grow_room(**SPACE)
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    rules = {"type": "m.room.join_rules", "state_key": "", "content": rule}
    inner = await homeserver.grow_room(initial_state=[MEGOLM, *CLOSED, rules])
    member = await homeserver.member("reed-rust", [space, inner])
    friend = await homeserver.member("reed-iris", [space, inner])
    payload = {"user_id": member.user_id, "room_ids": [inner]}
    assert await brake.gate.expel(effect("expel", **payload)) == {"left": 1}
    assert await brake.gate.expel(effect("expel", **payload)) == {"left": 0}
    assert set(await memberships(homeserver, member.user_id)) == {space}
    async with homeserver.refusing("not-expected"):
        await member.matrix.join(inner)
    async with homeserver.refusing("not-expected"):
        await homeserver.warden.invite(inner, member.user_id)
    with pytest.raises(MatrixError):
        await friend.matrix.invite(inner, member.user_id)
    assert (await homeserver.admit(member.user_id))["joined"] == []


async def test_nobody_brings_a_frozen_member_back_into_a_chat(homeserver, brake):
    """Neither into the chat they had, nor into a new one, nor into the desk's."""
    room = await homeserver.grow_room()
    member = await homeserver.member("reed-lime", [room])
    friend = await homeserver.member("reed-jade", [room])
    private = await friend.matrix.create_room(CHAT | {"invite": [member.user_id]})
    await member.matrix.join(private)
    await brake.times(await brake.pull(member.user_id))
    async with homeserver.refusing("nothing-shared"):
        await friend.matrix.invite(private, member.user_id)
    async with homeserver.refusing("nothing-shared"):
        await friend.matrix.create_room(CHAT | {"invite": [member.user_id]})
    desk = await homeserver.acting(names.DESK)
    async with homeserver.refusing("not-expected"):
        await desk.create_room(CHAT | {"invite": [member.user_id], "preset": "private_chat"})
    await brake.gate.allow(effect("allow", user_id=member.user_id, room_ids=[room]))
    assert (await homeserver.admit(member.user_id))["joined"] == []
    assert await memberships(homeserver, member.user_id) == {}


async def test_nobody_registers_with_a_void_invitation(homeserver, brake):
    """The homeserver still knows the token; the gate does not."""
    token = await homeserver.invitation("reed-pale")
    user_id = homeserver.user_id("reed-pale")
    homeserver.gate.allow(user_id, [await homeserver.grow_room()])
    await brake.times(await brake.pull(user_id, MemberStatus.INVITED))
    valid = await homeserver.registrar.registration_tokens(valid=True)
    assert token in {each["token"] for each in valid}
    async with homeserver.refusing("no-invitation"):
        await homeserver.register(token, "a long enough phrase", typed="reed-pale")
    assert await homeserver.registrar.user(user_id) is None


async def test_only_members_are_taken_out(homeserver):
    """Our own accounts hold the rooms: without the warden in them nothing could be repaired."""
    room = await homeserver.grow_room()
    api = await homeserver.session(homeserver.secret("gate.secret"))
    people = [homeserver.user_id(name) for name in names.OWN]
    for user_id in (*people, "@a:elsewhere.test", "a", None):
        with pytest.raises(MatrixError) as caught:
            await api.request("POST", EXPEL, body={"user_id": user_id, "room_ids": None})
        assert caught.value.status == 400
    with pytest.raises(MatrixError) as caught:
        await api.request("POST", EXPEL, body={"user_id": homeserver.user_id("reed-x")})
    assert caught.value.status == 400, "a forgotten list must not mean every room"
    for token in (None, "guess", homeserver.secret("registrar.token")):
        stranger = await homeserver.session(token)
        with pytest.raises(MatrixError) as caught:
            await stranger.request("POST", EXPEL, body={"user_id": people[0], "room_ids": [room]})
        assert caught.value.status == 401
    assert homeserver.user_id(names.WARDEN) in await homeserver.warden.joined_members(room)
