"""The HTTP client: what it asks again, what it must not, and what its errors do not say."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from banyan.errors import HomeserverDown
from homeserver.matrix import Matrix, MatrixError


class Server:
    """Answers from a script and remembers what was asked."""

    def __init__(self) -> None:
        self.script = []
        self.asked = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.raw_path, await request.text()))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is None:
            request.transport.close()
            return web.Response()
        status, body = answer
        return web.json_response(body, status=status)


@pytest.fixture
async def server():
    fake = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    async with TestServer(app) as running:
        fake.url = str(running.make_url("/")).rstrip("/")
        yield fake


LIMITED = (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10})


async def test_limits_are_waited_out(server):
    """A room is not made twice by it: the limiter answers before anything is done."""
    server.script = [LIMITED, LIMITED, (200, {"room_id": "!r"})]
    async with Matrix(server.url, "token") as matrix:
        assert await matrix.create_room({}) == "!r"
    assert len(server.asked) == 3


async def test_what_may_be_asked_twice_is(server):
    """Lost connections and 5xx."""
    server.script = [None, (502, {}), (200, {"event_id": "$e"})]
    async with Matrix(server.url, "token") as matrix:
        assert await matrix.put_state("!r", "m.room.name", {"name": "x"}) == "$e"


async def test_a_room_is_never_made_twice(server):
    """An answer that got lost may mean that the room exists."""
    for lost, error in ((None, HomeserverDown), ((500, {}), MatrixError)):
        server.asked.clear()
        server.script = [lost, (200, {"room_id": "!r"})]
        async with Matrix(server.url, "token") as matrix:
            with pytest.raises(error):
                await matrix.create_room({})
        assert len(server.asked) == 1


async def test_patience_ends(server):
    """With the homeserver's refusal, or with its silence."""
    server.script = [LIMITED]
    async with Matrix(server.url, "token", patience=0.3) as matrix:
        with pytest.raises(MatrixError, match="429"):
            await matrix.joined_rooms()
    async with Matrix("http://127.0.0.1:9", "token", patience=0.3) as matrix:
        with pytest.raises(HomeserverDown):
            await matrix.joined_rooms()


async def test_errors_name_nobody(server):
    """Synapse's own text often does."""
    server.script = [(403, {"errcode": "M_FORBIDDEN", "error": "@lotus:x.test is not in !r"})]
    async with Matrix(server.url, "token") as matrix:
        with pytest.raises(MatrixError) as caught:
            await matrix.invite("!r", "@lotus:x.test")
    assert (caught.value.status, caught.value.errcode) == (403, "M_FORBIDDEN")
    assert "lotus" not in str(caught.value)


async def test_ids_are_quoted_and_acting_is_told(server):
    """An id with a slash in it must not become another path."""
    server.script = [(200, {"joined": {"@a:x": {}}})]
    async with Matrix(server.url, "token", as_user="@warden:x") as matrix:
        assert await matrix.joined_members("!a/../b?c") == {"@a:x"}
    path = server.asked[0][1]
    assert path.startswith("/_matrix/client/v3/rooms/%21a%2F..%2Fb%3Fc/joined_members?")
    assert path.endswith(("user_id=@warden:x", "user_id=%40warden%3Ax"))


async def test_nonsense_is_an_error_not_a_crash(server):
    """A proxy's page instead of JSON."""
    server.script = [(404, ["x"])]
    async with Matrix(server.url, "token") as matrix:
        with pytest.raises(MatrixError, match="404 M_UNKNOWN"):
            await matrix.whoami()
