"""The private listener: the homeserver is heard, nobody else, and nothing of what it says is kept."""

import json

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import MemberStatus
from bridge.listener import listening
from bridge.metrics import Metrics
from bridge.transactions import LARGEST, private_routes

HS = {"Authorization": "Bearer hs-secret"}


@pytest.fixture
async def client(work, ears, rooms):
    app = web.Application()
    app.add_routes(private_routes("hs-secret", ears, Metrics(work)))
    async with listening(app, "127.0.0.1", 0) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


def joined(user_id, room_id="!space:KH:banyan.test", event_id="$1", **content):
    return {
        "type": "m.room.member",
        "state_key": user_id,
        "room_id": room_id,
        "event_id": event_id,
        "content": {"membership": "join"} | content,
    }


@pytest.fixture
def put(client):
    async def send(*events, txn="1", headers=HS, **more):
        body = json.dumps({"events": list(events)} | more)
        return await client.put(f"/_matrix/app/v1/transactions/{txn}", data=body, headers=headers)

    return send


async def test_a_join_admits(put, members, effects):
    """The member is admitted, and the desk opens their chat, once however often it is told."""
    invited = await members.invite("KH")
    for txn in ("1", "1", "2"):
        answer = await put(joined(invited.user_id), txn=txn)
        assert (answer.status, await answer.json()) == (200, {})
    assert len(await members.list(MemberStatus.ADMITTED)) == 1
    assert [kind for kind, _ in await effects(Actor.DESK)] == ["open_chat"]


async def test_what_is_said_is_not_even_noted(put, work, clock):
    """Members may write as much as they like: it takes no place in our database."""
    said = {"type": "m.room.encrypted", "room_id": "!talk", "event_id": "$1", "sender": "@a:b", "content": {}}
    assert (await put(said)).status == 200
    clock.forward(days=1)
    async with work() as tx:
        assert await tx.answered.forget(clock.now()) == 0


async def test_a_homeserver_that_starts_over_is_heard(put, members):
    """The same transaction id with other events is another transaction."""
    invited = await members.invite("KH")
    await put(txn="1")
    await put(joined(invited.user_id), txn="1")
    assert len(await members.list(MemberStatus.ADMITTED)) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": "Bearer hs-secre"}, 403),
        ({"Authorization": "Bearer ก"}, 403),
    ],
)
async def test_strangers_are_not_heard(put, client, members, headers, status):
    """Without the homeserver's token nothing is done on any path."""
    invited = await members.invite("KH")
    assert (await put(joined(invited.user_id), headers=headers)).status == status
    assert not await members.list(MemberStatus.ADMITTED)
    assert (await client.post("/_matrix/app/v1/ping", headers=headers, json={})).status == status
    assert (await client.get("/_matrix/app/v1/users/@a:b", headers=headers)).status == status


async def test_what_is_not_a_join_is_not_looked_at(put, members, work, tmp_path):
    """Messages, leaves, and malformed events do nothing, and not a word of them is kept or logged."""
    invited = await members.invite("KH")
    with capture_logs() as logs:
        answer = await put(
            {"type": "m.room.message", "content": {"body": "a secret word"}, "sender": invited.user_id},
            joined(invited.user_id) | {"content": {"membership": "leave", "reason": "a secret word"}},
            joined(None),
            joined([invited.user_id]),
            joined(invited.user_id) | {"content": "join"},
            joined(invited.user_id) | {"room_id": 7},
            {},
            "nonsense",
            None,
            ephemeral=[{"type": "m.typing"}],
        )
    assert answer.status == 200
    assert not await members.list(MemberStatus.ADMITTED)
    assert logs == []
    await work._engine.dispose()
    assert b"secret word" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[]", b"{}", b'{"events": {}}', b"\xff", b"[" * 200_000, b"null"]
)
async def test_what_is_no_transaction(client, raw):
    answer = await client.put("/_matrix/app/v1/transactions/1", data=raw, headers=HS)
    assert answer.status == 400


async def test_a_full_transaction_is_read(put, members):
    """A hundred large events are more than the web server's usual limit."""
    invited = await members.invite("KH")
    bulk = {"type": "m.room.encrypted", "content": {"ciphertext": "x" * 60_000}}
    assert (await put(*[bulk] * 99, joined(invited.user_id))).status == 200
    assert len(await members.list(MemberStatus.ADMITTED)) == 1


async def test_an_endless_transaction_is_not(client):
    async def endless():
        for _ in range(LARGEST // 2**20 + 2):
            yield b" " * 2**20

    answer = await client.put("/_matrix/app/v1/transactions/1", data=endless(), headers=HS)
    assert answer.status == 400


async def test_what_failed_is_told_again(put, members, monkeypatch):
    """When we could not write it down the homeserver gets 503 and repeats; then it is done."""
    invited = await members.invite("KH")
    with monkeypatch.context() as patched:

        async def away(*_):
            raise ConnectionError("a text from outside")

        patched.setattr(members, "joined", away)
        with capture_logs() as logs:
            assert (await put(joined(invited.user_id))).status == 503
        assert "a text from outside" not in str(logs)
    assert (await put(joined(invited.user_id))).status == 200
    assert len(await members.list(MemberStatus.ADMITTED)) == 1


async def test_ping_and_queries(client):
    """The ping is answered; users and rooms are not ours to make."""
    assert (await client.post("/_matrix/app/v1/ping", headers=HS, json={"transaction_id": "x"})).status == 200
    for path in ("users/@a:banyan.test", "rooms/%23a:banyan.test"):
        answer = await client.get(f"/_matrix/app/v1/{path}", headers=HS)
        assert (answer.status, (await answer.json())["errcode"]) == (404, "M_NOT_FOUND")


async def test_metrics_are_counts_without_ids(client, put, members, work):
    """What waits and what was handled, in numbers; no pseudonym and no room."""
    invited = await members.invite("KH")
    async with work() as tx:
        await tx.outbox.put(NewEffect(Actor.ALARM, "alert", {}, lane="!a"))
    await put(joined(invited.user_id))
    answer = await client.get("/metrics")
    text = await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'banyan_outbox_waiting{actor="alarm"} 1.0' in text
    assert 'banyan_transactions_total{outcome="handled"} 1.0' in text
    assert "banyan.test" not in text
