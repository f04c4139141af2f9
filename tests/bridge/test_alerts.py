"""The public listener: the right answer to every alert, and never 5xx, whatever comes over the wire."""

import asyncio
import json
import re

import pytest
from aiohttp import ClientSession, web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from banyan.domain.effects import Actor
from banyan.services.alert_body import LARGEST
from banyan.services.alerts import Alerts
from banyan.services.health import Health
from banyan.services.senders import Senders
from bridge.alerts import public_routes
from bridge.listener import listening
from bridge.metrics import Metrics
from tests.alert_samples import LINKS, PUBLIC_KEY, WORDS, body, intake_over, signature

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def well():
    return {"database": True, "alarm": True}


@pytest.fixture
async def intake(work, clock, ids, network, rooms):
    await Senders(work).enrol("relay", PUBLIC_KEY, direct=True)
    return intake_over(work, clock, ids, network)[0]


@pytest.fixture
def metrics(work):
    return Metrics(work)


@pytest.fixture
def app(intake, work, metrics, well):
    def check(part):
        async def ask():
            return well[part]

        return ask

    app = web.Application()
    app.add_routes(
        public_routes(intake, Alerts(work, LINKS), Health({part: check(part) for part in well}), metrics)
    )
    return app


@pytest.fixture
async def client(app):
    async with listening(app, "127.0.0.1", 0) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        session.port = port
        yield session


@pytest.fixture
def post(client):
    async def send(raw=None, headers=None, **changes):
        raw = body(**changes) if raw is None else raw
        signed = {"Banyan-Sender": "relay", "Banyan-Signature": signature(raw)}
        return await client.post("/alerts", data=raw, headers=JSON | signed | (headers or {}))

    return send


async def test_an_alert_is_accepted_and_followed(post, client, work, clock):
    """202 with id, state and a link; the link tells room by room how far it has come."""
    answer = await post()
    assert answer.status == 202
    accepted = await answer.json()
    assert accepted.keys() == {"id", "state", "status_url"}
    assert accepted["state"] == "queued"
    assert re.fullmatch(rf"https://a\.test/alerts/{accepted['id']}/[0-9a-f]{{32}}", accepted["status_url"])
    async with work() as tx:
        first, _ = await tx.outbox.of_subject(accepted["id"])
        clock.forward(seconds=1)
        await tx.outbox.done(first.id, clock.now(), {"event_id": "$event"})
        await tx.alerts.saw("$event", 7)
    answer = await client.get(accepted["status_url"].removeprefix("https://a.test"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    first, second = (status := await answer.json()).pop("rooms")
    assert status == {"id": accepted["id"], "state": "queued"}
    assert first == {
        "area": "MM-1",
        "room_id": "!alert:MM-1:banyan.test",
        "state": "sent",
        "event_id": "$event",
        "queued": "2026-11-22T12:00:00.000+00:00",
        "sent": "2026-11-22T12:00:01.000+00:00",
        "seen": 7,
    }
    assert (second["state"], second["event_id"], second["sent"], second["seen"]) == ("queued", None, None, 0)


async def test_an_alert_that_needs_two_is_held(post):
    answer = await post(response="evacuate")
    assert (answer.status, (await answer.json())["state"]) == (202, "held")


async def test_a_replay_gets_the_first_id(post):
    """409 with id and link of the first."""
    first = await (await post()).json()
    again = await post()
    answer = await again.json()
    assert again.status == 409
    assert answer.pop("message")
    assert answer == {"error": "replayed", "id": first["id"], "status_url": first["status_url"]}


@pytest.mark.parametrize(
    ("raw", "headers", "status", "code"),
    [
        (None, {"Banyan-Signature": ""}, 401, "unsigned"),
        (None, {"Banyan-Sender": ""}, 401, "unsigned"),
        (None, {"Banyan-Signature": "AAAA"}, 401, "bad-signature"),
        (None, {"Banyan-Sender": "nobody"}, 401, "bad-signature"),
        (body(sent="2026-11-22T11:00:00Z"), {}, 400, "stale"),
        (body(sent="2026-11-22T13:00:00Z", expires="2026-11-22T14:00:00Z"), {}, 400, "stale"),
        (body(expires="2026-11-22T11:59:00Z"), {}, 400, "bad-expiry"),
        (body(areas=["XX"]), {}, 400, "unknown-area"),
        (body(status="test"), {}, 400, "not-actual"),
        (b"not json", {}, 400, "bad-body"),
        (b"[" * 30_000, {}, 400, "bad-body"),
        (b"[" * 100_000, {}, 413, "too-large"),
        (body()[:-1] + b',"kind":"arrest"}', {}, 400, "bad-body"),
        (b"", {}, 400, "bad-body"),
        (None, {"Content-Type": "text/plain"}, 415, "not-json"),
        (None, {"Content-Type": ""}, 415, "not-json"),
        (None, {"Content-Encoding": "gzip"}, 415, "not-json"),
    ],
)
async def test_every_bad_alert(post, effects, metrics, raw, headers, status, code):
    """The right 4xx with a code and a sentence, nothing sent, and counted by code alone."""
    answer = await post(raw, headers)
    assert answer.status == status
    told = await answer.json()
    assert told.keys() == {"error", "message"}
    assert told["error"] == code
    assert told["message"].endswith(".")
    assert await effects(Actor.ALARM) == []
    assert f'banyan_alert_requests_total{{outcome="{code}"}} 1.0' in (await metrics.render()).decode()


async def test_a_header_twice_is_unsigned(client):
    """Two signatures could be read in two ways."""
    raw = body()
    headers = [
        *JSON.items(),
        ("Banyan-Sender", "relay"),
        ("Banyan-Signature", signature(raw)),
        ("Banyan-Signature", signature(raw)),
    ]
    answer = await client.post("/alerts", data=raw, headers=headers)
    assert (answer.status, (await answer.json())["error"]) == (401, "unsigned")


async def exchange(client, *pieces, first=False):
    """What comes back for these bytes on a connection of their own, until its end; or the `first` answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    try:
        async with asyncio.timeout(60):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if not first:
                return await reader.read()
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
    finally:
        writer.close()


def request(*headers):
    named = [
        f"Banyan-Sender: relay\r\nBanyan-Signature: {signature(body())}",
        "Content-Type: application/json",
    ]
    return "\r\n".join(["POST /alerts HTTP/1.1", "Host: a", *named, *headers, "", ""]).encode()


async def test_an_endless_body_is_cut(client):
    """Without a length the reading stops at the limit, and the connection is closed in the sender's face."""
    chunk = b"1000\r\n" + b"[" * 0x1000 + b"\r\n"
    head = request("Transfer-Encoding: chunked")
    came = await exchange(client, head, *[chunk] * (LARGEST // 0x1000 + 1))
    assert came.startswith(b"HTTP/1.1 413 ")


async def test_a_length_that_lies(client, monkeypatch):
    """A body shorter than announced is bad once patience ends; one longer than announced is cut."""
    monkeypatch.setattr("bridge.alerts.PATIENCE", 0.05)
    came = await exchange(client, request(f"Content-Length: {len(body()) + 5}"), body(), first=True)
    assert came.startswith(b"HTTP/1.1 400 ")
    assert b'"bad-body"' in came
    came = await exchange(client, request(f"Content-Length: {LARGEST + 1}"), first=True)
    assert came.startswith(b"HTTP/1.1 413 ")
    came = await exchange(client, request(f"Content-Length: {len(body()) - 5}"), body())
    assert re.match(rb"HTTP/1\.\d 40[01] ", came)


noise = st.binary(max_size=120)
token = st.text('abcXYZ-_019 \t:;,=/"\\', max_size=20).map(str.encode) | noise
path = st.sampled_from([b"/alerts", b"/alerts/a/b", b"/health", b"/alerts/%00/%ff%fe", b"*", b"//", b"/\xff"])
header = st.tuples(
    st.sampled_from(
        [
            b"Banyan-Sender",
            b"Banyan-Signature",
            b"Content-Type",
            b"Content-Length",
            b"Content-Encoding",
            b"Transfer-Encoding",
            b"Expect",
            b"Host",
            b"Upgrade",
        ]
    )
    | token,
    st.sampled_from(
        [b"relay", b"application/json", b"chunked", b"gzip", b"-1", b"9" * 30, b"100-continue", b"5"]
    )
    | token,
)


@given(
    verb=st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"]) | token,
    path=path,
    headers=st.lists(header, max_size=5),
    payload=noise,
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_never_5xx(client, verb, path, headers, payload):
    """Whatever bytes arrive, none of the answers is 5xx, and the listener lives on."""
    lines = [verb + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    lines += [b"Connection: close", b"", payload]
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"\r\n".join(lines))
    writer.write_eof()
    async with asyncio.timeout(60):
        came = await reader.read()
    writer.close()
    assert not re.match(rb"HTTP/1\.\d 5", came), came[:200]
    assert (await client.get("/health")).status == 200


@given(raw=noise | st.dictionaries(st.text(), st.text(), max_size=3).map(json.dumps).map(str.encode))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_signed_bytes(client, raw):
    """An enrolled sender can sign whatever it likes: it is told what is wrong."""
    headers = JSON | {"Banyan-Sender": "relay", "Banyan-Signature": signature(raw)}
    answer = await client.post("/alerts", data=raw, headers=headers)
    assert answer.status in {400, 429}


async def test_our_own_failure_is_said(client, post, intake, monkeypatch):
    """When the database is away the sender is told to try again, and the log holds no text."""

    async def away(*_):
        raise ConnectionError("a text from outside")

    monkeypatch.setattr(intake, "submit", away)
    with capture_logs() as logs:
        answer = await post()
    assert (answer.status, (await answer.json())["error"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "a text from outside" not in str(logs)
    assert len(logs) == 1


async def test_health(client, well):
    """200 when all is well, else 503 naming the part."""
    answer = await client.get("/health")
    assert (answer.status, await answer.json()) == (200, {"ok": True, "failing": []})
    well["alarm"] = False
    answer = await client.get("/health")
    assert (answer.status, await answer.json()) == (503, {"ok": False, "failing": ["alarm"]})


@pytest.mark.parametrize("path", ["/alerts/x/y", "/alerts/%00/%ff", f"/alerts/{'0' * 32}/{'0' * 32}"])
async def test_no_such_status(client, path):
    answer = await client.get(path)
    assert (answer.status, (await answer.json())["error"]) == (404, "not-found")


async def test_what_people_wrote_reaches_no_log(client, post, caplog):
    """Not a word of the text: accepted, refused, or where the web server itself finds no request."""
    with capture_logs() as logs, caplog.at_level("DEBUG"):
        await post()
        await post()
        await post(body(texts={"en": WORDS | {"web": "x"}}))
        length = f"Content-Length: {len(body()) - 5}"
        assert (await exchange(client, request(length, "Connection: close"), body())).count(b" 400 ")
        assert (await exchange(client, body() + b"\r\n\r\n")).count(b" 400 ")
    assert "market" not in str(logs) + caplog.text
    assert "a request failed: BadHttpMessage" in caplog.text
