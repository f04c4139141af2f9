"""The join page, over HTTP."""

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from banyan.errors import HomeserverDown, TokenSpent, WeakPassphrase
from banyan.i18n import ENDONYMS, LANGUAGES, translate
from banyan.web import join
from tests.banyan.web.members import PASSPHRASE, TOKEN, FakeInvited

PATH = f"/join/{TOKEN}"
SAME = {"passphrase": PASSPHRASE, "again": PASSPHRASE}
LARGEST_PAGE = 20_000
"""Bytes, as the issue wants it."""


class Page(HTMLParser):
    """What a reader and an assistive reader find in a page."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


async def read(response, status):
    assert response.status == status
    assert response.content_type == "text/html"
    return await response.text()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_speaks_every_language(browser, language):
    """Pseudonym, advice and fields are there in the language asked for, and the page says which it is."""
    page = await read(await browser.get(PATH, params={"lang": language}), 200)
    assert "amber-heron" in page
    assert translate("Choose a passphrase", language) in page
    assert translate("Hours left to use this invitation: {hours}", language).format(hours=72) in page
    assert Page(page).all("html") == [{"lang": language}]
    assert len(page.encode()) < LARGEST_PAGE


async def test_the_picker_offers_all_languages_in_their_own_names(browser):
    """Seven links and the one in use, each marked with its language for readers that speak."""
    page = await read(await browser.get(PATH, params={"lang": "km"}), 200)
    links = {each["hreflang"]: each["href"] for each in Page(page).all("a")}
    assert links == {tag: f"?lang={tag}" for tag in LANGUAGES if tag != "km"}
    assert all(endonym in page for endonym in ENDONYMS.values())


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ({}, "fr", "my"),
        ({"lang": "vi"}, "fr", "vi"),
        ({"lang": "xx"}, "fr", "my"),
        ({"lang": "<script>"}, "", "my"),
    ],
)
async def test_the_language_is_the_one_picked_then_the_inviters(browser, query, header, language):
    """The inviter knows the person better than a borrowed phone does; what the person picks counts first."""
    page = await read(await browser.get(PATH, params=query, headers={"Accept-Language": header}), 200)
    assert Page(page).all("html") == [{"lang": language}]


async def test_a_person_joins(browser, members):
    """The form registers what was typed, in the language of the page, and says what comes next."""
    page = await read(await browser.post(PATH, params={"lang": "th"}, data=SAME), 200)
    assert members.registered == [(TOKEN, PASSPHRASE, "th")]
    text = page.replace("<wbr>", "")
    assert ">@amber-heron:banyan.example<" in text
    assert ">https://matrix.banyan.example<" in text
    assert PASSPHRASE not in page


async def test_a_form_without_a_language_joins_in_the_inviters(browser, members):
    """Nobody loses the language chosen for them because a browser asks for another by habit."""
    await read(await browser.post(PATH, data=SAME, headers={"Accept-Language": "fr"}), 200)
    assert members.registered == [(TOKEN, PASSPHRASE, "my")]


async def test_the_form_posts_the_language_it_shows(browser):
    """Where the language came from the invitation, the form still says it."""
    forms = Page(await read(await browser.get(PATH), 200)).all("form")
    assert forms == [{"method": "post", "action": "?lang=my"}]


@pytest.mark.parametrize(
    ("passphrase", "again", "problem"),
    [
        (PASSPHRASE, PASSPHRASE.upper(), join.DIFFERENT),
        ("short", "short", join.TOO_WEAK),
        ("", "", join.TOO_WEAK),
        (" " + PASSPHRASE, " " + PASSPHRASE, join.EDGE_SPACE),
        ("a b" * 100, "a b" * 100, join.TOO_LONG),
    ],
)
async def test_a_passphrase_that_will_not_do_costs_nothing(browser, members, passphrase, again, problem):
    """The same page says what to change; nothing was registered, and the next try works."""
    data = {"passphrase": passphrase, "again": again}
    page = await read(await browser.post(PATH, params={"lang": "vi"}, data=data), 400)
    sentence = translate(problem, "vi").format(shortest=join.SHORTEST)
    assert re.search(f'role="alert"[^>]*>{re.escape(sentence)}<', page)
    assert members.registered == []
    assert (await browser.post(PATH, data=SAME)).status == 200


async def test_what_the_service_finds_weak_costs_nothing(browser, members):
    """The service may know more about passphrases than their length."""
    members.fails = [WeakPassphrase()]
    page = await read(await browser.post(PATH, params={"lang": "en"}, data=SAME), 400)
    assert join.TOO_WEAK.format(shortest=join.SHORTEST) in page
    assert (await browser.post(PATH, data=SAME)).status == 200


async def test_a_closed_link_says_the_same_whatever_closed_it(browser, members):
    """Used, run out, mangled, never given: one page, and nothing to learn from it."""
    used = await browser.post(PATH, data=SAME)
    assert used.status == 200
    pages = {
        await read(await browser.get(path, params={"lang": "en"}), 410)
        for path in (PATH, "/join/never-given", "/join/", "/join/a/b?c", f"{PATH})")
    }
    pages.add(await read(await browser.post("/join/never-given", params={"lang": "en"}, data=SAME), 410))
    pages.add(await read(await browser.post("/join/x", params={"lang": "en"}, data={}), 410))
    assert len(pages) == 1
    assert "ask the person who gave you the link" in pages.pop()


async def test_a_closed_link_speaks_the_browsers_language(browser):
    """There is no invitation to take the language from."""
    page = await read(await browser.get("/join/x", headers={"Accept-Language": "lo"}), 410)
    assert Page(page).all("html") == [{"lang": "lo"}]


async def test_a_homeserver_that_is_down_loses_nothing(browser, members):
    """The page says so kindly and when to come back; the same form works later."""
    members.fails = [HomeserverDown()]
    response = await browser.post(PATH, params={"lang": "en"}, data=SAME)
    assert int(response.headers["Retry-After"]) > 0
    assert "your invitation is not lost" in await read(response, 503)
    assert (await browser.post(PATH, data=SAME)).status == 200


async def test_what_is_unknown_is_a_reference_on_the_page_and_in_the_log(browser, members):
    """Neither the token, the passphrase nor the text of the exception is logged."""
    members.fails = [RuntimeError(f"{TOKEN} {PASSPHRASE}")]
    with capture_logs() as logs:
        page = await read(await browser.post(PATH, params={"lang": "en"}, data=SAME), 500)
    [entry] = logs
    assert entry["reference"] in page
    assert not any(secret in repr(logs) + page for secret in (TOKEN, PASSPHRASE))


async def test_a_form_sent_again_gets_the_same_answer(browser, members):
    """Who lost the answer on a bad network sees it again; another passphrase does not bring it."""
    first = await read(await browser.post(PATH, params={"lang": "en"}, data=SAME), 200)
    assert await read(await browser.post(PATH, params={"lang": "en"}, data=SAME), 200) == first
    guess = {"passphrase": PASSPHRASE + "!", "again": PASSPHRASE + "!"}
    await read(await browser.post(PATH, params={"lang": "en"}, data=guess), 410)
    assert len(members.registered) == 1


async def test_a_button_pressed_twice_registers_once(browser, members):
    """Both answers are the good one, though the first was not there yet when the second was asked for."""
    answers = await asyncio.gather(*(browser.post(PATH, data=SAME) for _ in range(5)))
    assert [each.status for each in answers] == [200] * 5
    assert len(members.registered) == 1


async def test_looking_uses_nothing_up(browser, members):
    """Messengers fetch links to show a preview; neither that nor HEAD takes the invitation."""
    for _ in range(3):
        assert (await browser.get(PATH)).status == 200
        assert (await browser.head(PATH)).status == 200
    assert TOKEN in members.invited


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://join.banyan.example"},
    ],
)
async def test_our_own_form_is_taken(browser, headers):
    """Under `no-referrer` browsers send `Origin: null` even from our page; old ones send nothing."""
    assert (await browser.post(PATH, data=SAME, headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://["},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json"},
    ],
)
async def test_somebody_elses_form_is_not_taken(browser, members, headers):
    """Another page cannot register with a token it got hold of through a person's browser."""
    body = f"passphrase={PASSPHRASE}&again={PASSPHRASE}".replace(" ", "+")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await read(await browser.post(PATH, data=body, headers=form | headers), 400)
    assert members.registered == []


@pytest.mark.parametrize(
    "body",
    [
        b"a=" + b"x" * join.LARGEST_FORM,
        b"\xff\xfe",
        b"a=%ff%fe",
        b"&".join([b"a=b"] * 50),
    ],
    ids=["large", "bytes", "not UTF-8", "many"],
)
async def test_what_is_no_form_of_ours_is_refused(browser, members, body):
    """Large, broken or crowded forms are 400, never a failure of ours."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    filled = urlencode(SAME).encode() + b"&"
    assert (await browser.post(PATH, data=filled + body, headers=headers)).status == 400
    assert members.registered == []


async def test_a_pseudonym_is_escaped(browser, members):
    """Even what we made up ourselves is text."""
    members.invited[TOKEN] = FakeInvited(localpart='"><script>')
    page = await read(await browser.get(PATH), 200)
    assert "<script" not in page


@pytest.mark.parametrize("path", [PATH, "/join/x", "/", "/nowhere", "/.well-known/matrix/client"])
async def test_every_answer_is_closed(browser, path):
    """Nothing is cached, framed, sniffed, indexed, passed on as a referrer, or tells what software runs."""
    headers = (await browser.get(path)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Server" not in headers
    assert "Set-Cookie" not in headers


async def test_the_page_fetches_and_runs_nothing(browser):
    """No script, image, font, frame or foreign address; the one style is allowed by its hash."""
    response = await browser.get(PATH)
    page = Page(await read(response, 200))
    names = {name for name, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "svg"}
    assert not any(
        attr.startswith("on") or attr in {"style", "src"} for _, attrs in page.tags for attr in attrs
    )
    policy = response.headers["Content-Security-Policy"]
    assert "style-src 'sha256-" in policy
    assert "unsafe" not in policy


async def test_every_field_has_a_name(browser):
    """Each visible field has its label and an advice or a problem that is read with it."""
    page = Page(await read(await browser.post(PATH, data={"passphrase": "x", "again": "y"}), 400))
    fields = [each for each in page.all("input") if "hidden" not in each]
    assert {each["id"] for each in fields} == {each["for"] for each in page.all("label")}
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert all(set(each.get("aria-describedby", "").split()) <= ids for each in fields)


async def test_the_title_says_nothing_of_the_network(browser):
    """A link preview and a browser's history show the title."""
    page = await read(await browser.get(PATH, params={"lang": "en"}), 200)
    assert re.search("<title>(.*)</title>", page)[1] == "Welcome"


async def test_a_service_that_says_spent_after_all(browser, members):
    """Between looking and registering somebody else may have been faster."""
    members.fails = [TokenSpent()]
    await read(await browser.post(PATH, data=SAME), 410)
