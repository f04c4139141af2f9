"""What is said in a member's chat with the desk is there for a day, and then it is not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.effects import Actor, Effect, EffectState, NewEffect
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.services.chats import Chats
from banyan.services.outbox import Never
from banyan.services.roster import Roster
from banyan.services.traces import ORDINARY, SHORT, Traces, forget_event
from banyan.store import tables
from bots.client import MatrixError, NotEncrypted, Report, ReportKind
from bots.desk import Desk
from bots.outgoing import MARK, Outgoing
from tests.bots.fake_client import FakeClient
from tests.fakes import NOON, FakeVault

CHAT, GUIDE = "!chat:banyan.test", "!guide:KH:banyan.test"
WORDS = {"msgtype": "m.text", "body": "the room with the blue door"}


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def desk(client, clock, work, accounts, network):
    chats = Chats(work, accounts, Roster(work, accounts, network))
    return Desk(client, Outgoing(client, clock), chats, FakeVault(), Traces(work, clock))


@pytest.fixture
async def member(work):
    """An admitted member whose chat exists."""
    admitted = Member("m1", "amber-heron", Placement("KH"), "km", MemberStatus.ADMITTED, chat=CHAT)
    async with work() as tx:
        await tx.members.add(admitted)
    return admitted


@pytest.fixture
def due(work, clock):
    """Redactions whose time has come: event ids."""

    async def read():
        async with work.reading() as tx:
            effects = await tx.outbox.due(Actor.DESK, clock.now(), 100)
        return [effect.payload["event_id"] for effect in effects if effect.kind == "redact"]

    return read


def saying(kind="say", effect_id="e1", **payload):
    payload = {"room_id": CHAT, "content": WORDS} | payload
    return Effect(effect_id, 1, Actor.DESK, kind, payload, CHAT, None, EffectState.QUEUED, NOON)


@pytest.mark.parametrize(
    ("asked", "lasts"),
    [({}, ORDINARY), ({"lasts": 600}, SHORT), ({"lasts": 24 * 3600}, ORDINARY)],
    ids=str,
)
async def test_what_the_desk_says_is_erased_after_its_time(desk, client, member, due, clock, asked, lasts):
    """Not before; a day when nothing else is asked for."""
    said = await desk.say(saying(**asked))
    clock.forward(seconds=lasts.total_seconds() - 1)
    assert await due() == []
    clock.forward(seconds=1)
    assert await due() == [said["event_id"]]


async def test_what_is_to_stay_stays(desk, client, member, due, clock):
    """A post in a guide room."""
    await desk.speak(saying(), GUIDE, WORDS, None)
    clock.forward(days=400)
    assert await due() == []
    assert len(client.sent) == 1


async def test_a_death_between_saying_and_remembering_forgets_nothing(desk, client, member, due, clock, work):
    """The effect is tried again: one event, one redaction."""
    desk._traces._work, kept = None, desk._traces._work  # whatever dies there
    desk._traces.owner = Traces(kept, clock).owner
    with pytest.raises(TypeError):
        await desk.say(saying())
    desk._traces._work = kept
    again = replace(saying(), attempts=1, first_attempt=clock.now(), device_id=client.device_id)
    await desk.say(again)
    await desk.say(again)
    clock.forward(hours=24)
    assert await due() == [event["id"] for event in client.sent] == ["$0"]


async def test_what_the_member_wrote_is_erased_in_the_unit_of_work_that_heard_it(work, clock, due):
    """Asked twice, the first moment stands and there is one redaction."""
    async with work() as tx:
        await forget_event(tx, CHAT, "$theirs", clock.now() + SHORT)
        await forget_event(tx, CHAT, "$theirs", clock.now() + ORDINARY)
    clock.forward(minutes=10)
    assert await due() == ["$theirs"]


async def test_what_cannot_be_read_is_erased_all_the_same(desk, member, accounts, due, clock):
    """In the member's own chat; what others say elsewhere is not ours to erase."""
    theirs = accounts.member(member.localpart)
    told = Report(ReportKind.UNDECRYPTABLE, CHAT, theirs, event_id="$locked")
    await desk.reported(told)
    await desk.reported(told)
    await desk.reported(replace(told, room_id=GUIDE, event_id="$elsewhere"))
    await desk.reported(replace(told, user_id="@stone-9:banyan.test", event_id="$stranger"))
    clock.forward(hours=24)
    assert await due() == ["$locked"]


async def test_a_redaction_is_carried_out_and_leaves_nothing_behind(desk, client, work, clock):
    """The row keeps no room once it is done."""
    async with work() as tx:
        await forget_event(tx, CHAT, "$theirs", clock.now())
    async with work() as tx:
        (effect,) = await tx.outbox.due(Actor.DESK, clock.now(), 10)
        await tx.outbox.done(effect.id, clock.now(), await desk.redact(effect))
    async with work.reading() as tx:
        (row,) = await tx.outbox._some(tables.outbox.c.actor == "desk")
    assert client.redacted == [(CHAT, "$theirs")]
    assert CHAT not in json.dumps([row.payload, row.result, row.lane])


async def test_a_waiting_redaction_holds_nobody_up(desk, member, work, clock):
    """What is said an hour later in the same chat does not wait for the end of the day."""
    await desk.say(saying())
    clock.forward(hours=1)
    async with work() as tx:
        later = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}, lane=CHAT))
        assert [effect.id for effect in await tx.outbox.due(Actor.DESK, clock.now(), 10)] == [later]


@pytest.mark.parametrize("errcode", ["M_FORBIDDEN", "M_NOT_FOUND"])
async def test_a_chat_that_is_closed_ends_what_is_meant_for_it(desk, client, member, errcode):
    """It is not tried for ever; what another room refuses may be repaired and is."""
    client.refuses_with = MatrixError(403, errcode)
    with pytest.raises(Never):
        await desk.say(saying())
    with pytest.raises(Never):
        await desk.redact(saying("redact", event_id="$e"))
    with pytest.raises(MatrixError):
        await desk.say(saying(room_id=GUIDE))


async def test_a_chat_in_clear_ends_it_too(desk, client, member):
    """Nothing is ever said in clear."""
    client.refuses_with = NotEncrypted()
    with pytest.raises(Never):
        await desk.say(saying())


@pytest.mark.parametrize("errcode", ["M_LIMIT_EXCEEDED", "M_USER_SUSPENDED", "M_UNKNOWN"])
async def test_what_may_pass_is_tried_again(desk, client, member, errcode):
    """A limit is no closed door."""
    client.refuses_with = MatrixError(429, errcode)
    with pytest.raises(MatrixError):
        await desk.say(saying())
    with pytest.raises(MatrixError):
        await desk.redact(saying("redact", event_id="$e"))


async def test_nothing_is_said_to_who_is_no_longer_admitted(desk, client, member, work):
    """A frozen member's phone is in other hands. What was said there before is still erased."""
    async with work() as tx:
        await tx.members.set_status(member.id, MemberStatus.FROZEN)
    with pytest.raises(Never):
        await desk.say(saying())
    assert client.sent == []
    await desk.redact(saying("redact", event_id="$before"))
    assert client.redacted == [(CHAT, "$before")]


async def test_a_poll_and_what_follows_are_said_once_each(desk, client, member, due, clock):
    """Two events of one effect, in order, under marks of their own, both erased."""
    client.now_ms = int(NOON.timestamp() * 1000)

    async def ask(effect):
        poll = await desk.speak(effect, CHAT, {"q": 1}, SHORT, type="org.matrix.msc3381.poll.start")
        return [poll, await desk.speak(effect, CHAT, WORDS, SHORT, part="-follow")]

    asking = saying("ask")
    first = await ask(asking)
    client.device_id = "ANOTHER"  # the homeserver knows no transaction of it
    assert await ask(replace(asking, attempts=1, first_attempt=NOON, device_id="DEVICE")) == first
    assert [(event["type"], event["content"]) for event in client.sent] == [
        ("org.matrix.msc3381.poll.start", {"q": 1}),
        ("m.room.message", WORDS),
    ]
    assert [event["beside"][MARK] for event in client.sent] == ["e1", "e1-follow"]
    clock.forward(minutes=10)
    assert await due() == first


async def test_redactions_to_come_are_no_backlog(work, clock):
    """The metric counts what is due and what failed, not what is meant to wait."""
    async with work() as tx:
        await forget_event(tx, CHAT, "$e", clock.now() + ORDINARY)
        say = await tx.outbox.put(NewEffect(Actor.DESK, "say", {}))
        assert (await tx.outbox.waiting())[Actor.DESK] == 1
        await tx.outbox.begin([say], clock.now(), None)
        await tx.outbox.retry(say, clock.now() + timedelta(minutes=1), "f00d")
        assert (await tx.outbox.waiting())[Actor.DESK] == 1
        clock.forward(hours=24)
        assert (await tx.outbox.waiting())[Actor.DESK] == 2
