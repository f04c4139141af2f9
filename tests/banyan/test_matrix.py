"""The HTTP client: what it asks again, what it must not, and what its errors do not say."""

import asyncio
from traceback import format_exception

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError, NotReached, Unauthorized


class Server:
    """Answers from a script, the last line for ever, and remembers what was asked."""

    def __init__(self) -> None:
        self.script = []
        self.asked = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.raw_path, await request.text()))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is None:
            request.transport.close()
            return web.Response()
        status, body = answer
        if isinstance(body, str):
            return web.Response(text=body, status=status, headers={"Location": "/elsewhere"})
        return web.json_response(body, status=status)


@pytest.fixture
async def server():
    fake = Server()
    async with TestServer(fake.app()) as running:
        fake.url = str(running.make_url("/")).rstrip("/")
        yield fake


@pytest.fixture
async def api(server):
    with stamina.set_testing(True, attempts=100, cap=True):  # repeats without pauses
        async with Api(server.url, "token") as opened:
            yield opened


LIMITED = (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10})


async def test_limits_are_waited_out(server, api):
    """A room is not made twice by it: the limiter answers before anything is done."""
    server.script = [LIMITED, LIMITED, (200, {"room_id": "!r"})]
    assert await api.request("POST", "/createRoom") == {"room_id": "!r"}
    assert len(server.asked) == 3


@pytest.mark.parametrize("how", [{"method": "PUT"}, {"method": "POST", "repeatable": True}])
async def test_what_may_be_asked_twice_is(server, api, how):
    """Lost connections, 5xx and a proxy's page."""
    server.script = [None, (502, {}), (404, "<p>a proxy's page"), (200, {"event_id": "$e"})]
    assert await api.request(path="/x", **how) == {"event_id": "$e"}


@pytest.mark.parametrize("lost", [None, (500, {}), (504, "<p>a proxy's page")])
async def test_a_room_is_never_made_twice(server, api, lost):
    """An answer that got lost may mean that the room exists."""
    server.script = [lost, (200, {"room_id": "!r"})]
    with pytest.raises(HomeserverDown):
        await api.request("POST", "/createRoom")
    assert len(server.asked) == 1


@pytest.fixture
def asked_again():
    """Set when a request is about to be repeated."""
    before, repeated = get_on_retry_hooks(), asyncio.Event()
    set_on_retry_hooks([lambda _: repeated.set()])
    yield repeated
    set_on_retry_hooks(before)


async def test_what_nobody_heard_is_asked_again(server, asked_again):
    """While the homeserver starts nobody listens: then nothing can happen twice."""
    server.script = [(200, {"room_id": "!r"})]
    port = unused_port()
    async with Api(f"http://127.0.0.1:{port}", "token") as api:
        with pytest.raises(NotReached):
            await api.request("POST", "/createRoom", patience=0)
        making = asyncio.create_task(api.request("POST", "/createRoom"))
        await asyncio.wait_for(asked_again.wait(), 10)
        async with TestServer(server.app(), port=port):
            assert await making == {"room_id": "!r"}
    assert len(server.asked) == 1


async def test_patience_ends(server):
    """With the homeserver's refusal, or with its silence; a longer pause than is left is not begun."""
    for wait in (10, 3_600_000):
        server.script = [(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": wait})]
        async with Api(server.url, "token", patience=0.3) as api:
            with pytest.raises(MatrixError, match="429"):
                await api.request("GET", "/joined_rooms")
    async with Api("http://127.0.0.1:9", "token", patience=0.3) as api:
        with pytest.raises(HomeserverDown):
            await api.request("GET", "/joined_rooms")


async def test_errors_name_nobody(server, api):
    """Synapse's own text often does."""
    server.script = [(403, {"errcode": "M_FORBIDDEN", "error": "@lotus:x.test is not in !r"})]
    with pytest.raises(MatrixError) as caught:
        await api.request("POST", "/rooms/{}/invite", "!r", body={"user_id": "@lotus:x.test"})
    assert (caught.value.status, caught.value.errcode) == (403, "M_FORBIDDEN")
    assert "lotus" not in f"{caught.value} {caught.value!r}"
    server.script = [None]
    with pytest.raises(HomeserverDown) as silent:
        await api.request("GET", "/rooms/{}/state", "!lotus", patience=0)
    assert "aiohttp" not in "".join(format_exception(silent.value))  # its texts carry the address


async def test_ids_are_quoted_and_acting_is_told(server):
    """An id with a slash in it must not become another path."""
    server.script = [(200, [])]
    async with Api(server.url, "token", as_user="@warden:x") as api:
        assert await api.request("GET", "/rooms/{}/state/{}", "!a/../b?c", "", params={"n": 1}) == []
    path = "/_matrix/client/v3/rooms/%21a%2F..%2Fb%3Fc/state/?n=1&user_id=%40warden%3Ax"
    assert server.asked == [("GET", path, "")]


async def test_nonsense_is_an_error_not_a_crash(server, api):
    """JSON, but nothing that the specification knows."""
    server.script = [(404, ["x"])]
    with pytest.raises(MatrixError, match="404 M_UNKNOWN"):
        await api.request("GET", "/account/whoami")


async def test_no_redirect_is_followed(server, api):
    """Whoever can answer for the homeserver must not be able to have the token sent elsewhere."""
    server.script = [(302, "moved")]
    with pytest.raises(HomeserverDown):
        await api.request("POST", "/logout")
    assert len(server.asked) == 1


async def test_a_refused_token_is_renewed_once(server, api):
    """Requests under way at the same time log in once; refused again, they say so."""
    refused = (401, {"errcode": "M_UNKNOWN_TOKEN"})
    server.script = [refused]
    logins = []

    async def log_in() -> str:
        logins.append("one")
        return "fresh"

    with pytest.raises(Unauthorized):
        await api.request("GET", "/sync", patience=0)
    api.relogin = log_in
    server.script = [refused, refused, (200, {})]
    await asyncio.gather(*(api.request("GET", "/joined_rooms") for _ in range(2)))
    assert logins == ["one"]
    server.script = [refused]
    with pytest.raises(Unauthorized):
        await api.request("GET", "/joined_rooms")
