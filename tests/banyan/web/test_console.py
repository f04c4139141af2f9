"""Who gets into the console, and how they get out."""

import re
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from banyan.domain.people import MemberStatus
from banyan.web.console import COOKIE, TRIES
from tests.console_samples import HELPER, OFFICER, served, waiving

PAGES = (
    "",
    "/findings",
    "/rules",
    "/rooms/talk:KH",
    f"/members/{OFFICER}",
    "/time",
    "/waivers",
    "/waiting",
    "/log",
)
BROWSER = {"User-Agent": "Firefox of the officer"}


@pytest.fixture
def beginning(small_database):
    return small_database


@pytest.fixture
async def console(work, clock, ids, network):
    """A small network, served."""
    async with served(work, clock, ids, waiving(network)) as console:
        yield console


@pytest.fixture
async def visitor(console):
    """A browser that follows no redirect."""
    async with TestClient(console.server, headers=BROWSER) as client:
        yield client


async def go(client, path, method="GET", **options):
    return await client.request(method, path, allow_redirects=False, **options)


async def enter(client, console, name=OFFICER):
    """Use a new link up; the answer."""
    return await go(client, await console.link(name), "POST")


async def inside(client, **options):
    """Whether the first page is shown."""
    answer = await go(client, "/console", **options)
    assert answer.status in (200, 403)
    return answer.status == 200


async def test_a_link_leads_in_by_one_button(visitor, console):
    """Looking uses nothing up; the button brings a cookie that neither scripts nor other sites get."""
    link = await console.link()
    for _ in range(3):
        page = await go(visitor, link)
        assert page.status == 200
        assert "Set-Cookie" not in page.headers
        assert (await go(visitor, link, "HEAD")).status == 200
    assert re.findall('<form method="(.*?)">', await page.text()) == ["post"]
    answer = await go(visitor, link, "POST")
    assert (answer.status, answer.headers["Location"]) == (303, "/console")
    cookie = answer.cookies[COOKIE]
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/console", "Strict", "1800")
    assert cookie["httponly"]
    assert not cookie["domain"]
    assert await inside(visitor)


async def test_a_link_is_used_once(visitor, console):
    """Whoever comes second is told, and gets no cookie."""
    link = await console.link()
    assert (await go(visitor, link, "POST")).status == 303
    again = await go(visitor, link, "POST")
    assert again.status == 403
    assert COOKIE not in again.cookies
    assert "tell your colleagues" in await again.text()


async def test_an_expired_link_opens_nothing(visitor, console, clock):
    """Five minutes."""
    link = await console.link()
    clock.forward(minutes=5)
    assert (await go(visitor, link, "POST")).status == 403
    assert not await inside(visitor)


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_cookie_nothing_is_shown(visitor, console, path):
    """Every page asks; none tells a stranger whether what it is about exists."""
    answer = await go(visitor, f"/console{path}")
    assert answer.status == 403
    assert await answer.text() == await (await go(visitor, "/console/members/nobody-here")).text()


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_shown_inside(visitor, console, path):
    """With what an officer comes for, and under the strictest headers there are."""
    await enter(visitor, console)
    answer = await go(visitor, f"/console{path}")
    assert answer.status == 200
    headers = answer.headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers
    page = await answer.text()
    assert not re.search(r"<script|<iframe|\son\w+=|\sstyle=|https?://", page)


async def test_another_browsers_cookie_ends_the_session(visitor, console):
    """A stolen cookie is of no use to anybody any more, the officer included."""
    await enter(visitor, console)
    assert await inside(visitor)
    assert not await inside(visitor, headers={"User-Agent": "curl"})
    assert not await inside(visitor)


async def test_a_session_lasts_half_an_hour(visitor, console, clock):
    """However often it is used, and whatever the browser keeps."""
    session = (await enter(visitor, console)).cookies[COOKIE].value
    clock.time += timedelta(minutes=29)
    assert await inside(visitor)
    clock.time += timedelta(minutes=1)
    assert not await inside(visitor, headers={"Cookie": f"{COOKIE}={session}"})


async def test_who_is_not_security_staff_never_gets_in(visitor, console):
    """Not even by a link, should one be made."""
    assert (await enter(visitor, console, HELPER)).status == 403
    assert not await inside(visitor)


async def test_a_frozen_officer_is_out_at_once(visitor, console, work):
    """With the next page, not when the session ends."""
    await enter(visitor, console)
    async with work() as tx:
        officer = await tx.members.by_localpart(OFFICER)
        await tx.members.set_status(officer.id, MemberStatus.FROZEN)
    assert not await inside(visitor)


async def test_who_leaves_is_out(visitor, console):
    """The cookie goes, and would open nothing if it stayed."""
    session = (await enter(visitor, console)).cookies[COOKIE].value
    answer = await go(visitor, "/console/leave", "POST")
    assert answer.status == 200
    assert answer.cookies[COOKIE].value == ""
    assert not await inside(visitor, headers={"Cookie": f"{COOKIE}={session}"})


async def test_that_somebody_came_in_is_in_the_log(visitor, console, decisions):
    """By role and pseudonym; a link that opened nothing is not."""
    await enter(visitor, console, HELPER)
    assert "console-opened" not in [what for what, _, _ in await decisions()]
    await enter(visitor, console)
    assert (await decisions())[-1][:2] == ("console-opened", f"security_officer:{OFFICER}")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://["},
    ],
)
async def test_another_sites_form_is_not_taken(visitor, console, headers):
    """It neither uses a link up, nor logs anybody out, nor is one of the tries."""
    link = await console.link()
    for _ in range(TRIES + 1):
        assert (await go(visitor, link, "POST", headers=headers)).status == 400
    assert (await go(visitor, link, "POST")).status == 303
    assert (await go(visitor, "/console/leave", "POST", headers=headers)).status == 400
    assert await inside(visitor)


@pytest.mark.parametrize(
    "host", ["banyan.example", "127.0.0.1.evil.example", "localhost@evil", "10.0.0.1:80", ""]
)
async def test_only_names_of_loopback_are_answered(visitor, console, host):
    """A page elsewhere may let its own name point to the officer's machine."""
    await enter(visitor, console)
    for path in ("/console", "/console/style.css", await console.link()):
        answer = await go(visitor, path, headers={"Host": host})
        assert answer.status == 421
        assert "amber" not in await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1:8011", "localhost", "LOCALHOST:1", "[::1]:8011"])
async def test_every_name_of_loopback_is_answered(visitor, console, host):
    """The tunnel may end at any of them."""
    assert (await go(visitor, await console.link(), headers={"Host": host})).status == 200


async def test_wrong_links_are_tried_a_few_times_only(visitor, console, clock):
    """Each waits for the one who may write. Afterwards the right one still opens."""
    link = await console.link()
    answers = [(await go(visitor, f"/console/open/{at:064x}", "POST")).status for at in range(TRIES + 1)]
    assert answers == [403] * TRIES + [429]
    assert (await go(visitor, link, "POST")).status == 429
    clock.forward(minutes=1)
    assert (await go(visitor, link, "POST")).status == 303


async def test_nothing_secret_is_logged(visitor, console):
    """Neither a token nor a pseudonym."""
    link = await console.link()
    with capture_logs() as logs:
        session = (await go(visitor, link, "POST")).cookies[COOKIE].value
        for path in PAGES:
            await go(visitor, f"/console{path}")
    assert not any(secret in repr(logs) for secret in (link[-64:], session, OFFICER))


async def test_what_breaks_is_a_reference_on_the_page_and_in_the_log(visitor, console, work, monkeypatch):
    """Not a traceback, which may carry what was asked for."""
    await enter(visitor, console)

    def broken():
        raise RuntimeError(OFFICER)

    monkeypatch.setattr(work, "reading", broken)
    with capture_logs() as logs:
        answer = await go(visitor, "/console/log")
    assert answer.status == 500
    assert logs[-1]["reference"] in await answer.text()
    assert OFFICER not in repr(logs)
