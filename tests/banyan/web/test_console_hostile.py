"""What nobody's browser sends: every route, with everything. The console refuses, and never fails."""

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banyan.store.people import SqlMembers
from banyan.web.console import COOKIE
from tests.console_samples import OFFICER, served, waiving

ROUTES = (
    "/console",
    "/console/",
    "/console/style.css",
    "/console/icon.svg",
    "/console/open/{}",
    "/console/leave",
    "/console/findings?from={}",
    "/console/rules",
    "/console/rooms/{}",
    "/console/members/{}",
    "/console/time?days={}",
    "/console/waivers",
    "/console/waiting",
    "/console/log?before={}",
    "/console/{}",
    "/console{}",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
TRAVERSALS = (
    "../secrets/home.key",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/style.css",
    "....//style.css",
    "/etc/passwd",
    "open/../log",
    "%00",
    "style.css%00.html",
    "\\..\\..\\log",
    "%c0%ae%c0%ae/",
    "talk:KH/../../log",
)
WORDS = (
    *TRAVERSALS,
    "talk:KH",
    OFFICER,
    "%ff",
    "%",
    "%ud800",
    "💥",
    "'; DROP TABLE members; --",
    "{{7*7}}",
    "9" * 400,
    "-1",
    "a" * 6000,
)

REFUSED = range(200, 500)

text = st.text(max_size=80)
words = st.one_of(st.sampled_from(WORDS), text, st.binary(max_size=60).map(quote))
header = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=200
)
names = st.sampled_from(
    ("Cookie", "User-Agent", "Accept-Language", "Origin", "Sec-Fetch-Site", "Host", "Referer")
)


@pytest.fixture
def beginning(small_database):
    return small_database


@pytest.fixture
async def console(work, clock, ids, network):
    """A small network, served, and an officer in it."""
    async with served(work, clock, ids, waiving(network)) as console:
        console.cookie = await session(console)
        yield console


async def session(console) -> str:
    """The cookie of an officer whose browser does not say what it is."""
    token = (await console.link()).rpartition("/")[2]
    return f"{COOKIE}={await console.console.enter(token, '')}"


async def send(console, request: bytes, *, first_line: bool = False) -> bytes:
    """Send bytes as they are; the answer until the end of the connection, or only its first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", console.server.port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.readline() if first_line else reader.read(), 60)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def ask(console, method: str, target: bytes, headers: dict[str, str], body: bytes = b"") -> int:
    """One request; the status of its answer, 0 for none."""
    host = headers.pop("Host", f"127.0.0.1:{console.server.port}")
    lines = [
        b"%s %s HTTP/1.1" % (method.encode(), target),
        b"Host: " + host.encode("latin-1"),
        b"Connection: close",
        b"Content-Length: %d" % len(body),
        *(f"{name}: {value}".encode("latin-1") for name, value in headers.items()),
    ]
    answer = await send(console, b"\r\n".join([*lines, b"", body]))
    assert b"Traceback" not in answer
    return int(answer.split(b" ", 2)[1]) if answer else 0


def bound(test):
    """The server stays the same for all examples."""
    given_ = settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    return given_(test)


@bound
@given(
    route=st.sampled_from(ROUTES),
    method=st.sampled_from(METHODS),
    word=words,
    raw=st.booleans(),
    inside=st.booleans(),
    headers=st.dictionaries(names, header, max_size=3),
    body=st.binary(max_size=300),
)
async def test_nothing_makes_it_fail(console, route, method, word, raw, inside, headers, body):
    """Any path, query, method, header, cookie and body: an answer, and never 5xx."""
    encoded = word.encode("utf-8", "surrogatepass")
    filler = encoded if raw else quote(encoded).encode()
    target = route.encode().replace(b"{}", filler)
    if inside:
        headers["Cookie"] = await session(console)  # an earlier example may have left
        headers.pop("User-Agent", None)
    assert await ask(console, method, target, headers, body) in {0, *REFUSED}


@pytest.mark.parametrize("word", TRAVERSALS)
async def test_no_path_leads_out(console, word):
    """Nothing is read from a path: only our two files are there, and never by another name."""
    for prefix in ("/console/", "/console/rooms/", "/console/members/", "/console/style.css/", "/"):
        status = await ask(console, "GET", f"{prefix}{word}".encode(), {"Cookie": console.cookie})
        assert status in (303, 400, 404), (prefix, word)


@pytest.mark.parametrize(
    "path",
    ["/console/rooms/talk:XX", "/console/members/nobody-here", "/console/rooms/!no:where", "/console/no"],
)
async def test_what_does_not_exist_is_not_found(console, path):
    """Inside, an officer is told so."""
    assert await ask(console, "GET", path.encode(), {"Cookie": console.cookie}) == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_pages_take_no_other_method(console, method):
    """What changes nothing is read, and that is all."""
    for path in (b"/console", b"/console/log", b"/console/waiting", b"/console/members/amber-heron"):
        assert await ask(console, method, path, {"Cookie": console.cookie}) == 404


async def test_a_large_body_is_refused_unread(console):
    """Said before anything of it is looked at, whether its length is told or not."""
    host = b"Host: 127.0.0.1:%d\r\nConnection: close\r\n" % console.server.port
    for path in (b"/console/leave", b"/console/open/" + b"0" * 64):
        begun = b"POST %s HTTP/1.1\r\n%s" % (path, host)
        for body in (
            b"Content-Length: 999999999\r\n\r\n" + b"x" * 100,
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ):  # the server waits a while for the rest, which is nobody's business here
            assert (await send(console, begun + body, first_line=True)).split()[1] == b"413"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /console\r\n\r\n",
        b"GET /console HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /console HTTP/1.1\r\n\r\n",
        b"GET /console HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/console HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /console HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        (
            b"POST /console/leave HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nabc"
        ),
        b"GET /console HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /console/" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /console HTTP/1.1\r\nHost: localhost\r\nCookie: \x00\xff=\r\n\r\n",
        b"GET /con\x00sole HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"CONNECT console:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(15),
)
async def test_what_is_no_http_is_refused(console, request_):
    """4xx or nothing; and an officer's next page comes as before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", console.server.port)
    writer.write(request_)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert not answer or answer.split()[1][:1] == b"4", answer[:200]
    assert b"amber" not in answer
    assert await ask(console, "GET", b"/console", {"Cookie": console.cookie}) == 200


@pytest.mark.parametrize(
    "number", ["9" * 9, "9" * 30, "9" * 5000, "-1", "0", "1e9", "٣", "1 OR 1=1", "", "%00"]
)
async def test_any_number_is_answered(console, number):
    """Larger than the database counts, none at all, or in another script: a page comes."""
    for path in ("log?before=", "findings?from=", "time?days="):
        target = f"/console/{path}{quote(number, safe='%')}".encode()
        assert await ask(console, "GET", target, {"Cookie": console.cookie}) == 200


@pytest.mark.parametrize(
    "name", ["%00", "amber-heron%00", "Amber-Heron", "%F0%9F%92%A5", "a" * 3000, "amber%20heron"]
)
async def test_what_is_no_pseudonym_is_no_question_to_the_database(console, name, monkeypatch):
    """PostgreSQL refuses some characters: nobody's page shall fail over that."""

    async def asked(_, name):
        raise AssertionError(name)

    monkeypatch.setattr(SqlMembers, "by_localpart", asked)
    path = f"/console/members/{name}".encode()
    assert await ask(console, "GET", path, {"Cookie": console.cookie}) == 404
