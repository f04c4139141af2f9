"""What the pages of the console say."""

import html
import re
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient

from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject
from banyan.domain.log import Action, Checkpoint, NewEntry
from banyan.i18n import LANGUAGES
from banyan.network import load_network
from banyan.settings import DEFAULT_NETWORK
from banyan.store import tables
from banyan.web.console import COOKIE
from banyan.web.console_overview import CELLS, Found, overview
from policies.rules import RULES
from tests.console_samples import HELPER, OFFICER, STRAY, filled, found, people, rooms, served

LARGE = DEFAULT_NETWORK.parent / "asia.yaml"
LARGEST_PAGE = 1_000_000
"""Bytes of the network at a glance, with 3,500 members: it goes through a tunnel."""


@pytest.fixture
async def look(work, clock, ids):
    """Return a function that shows a page to the officer, as text without tags; `raw=True`: as HTML."""
    entered = []

    async def look(network, path, *, raw=False, devices=None):
        async with served(work, clock, ids, network, **({"devices": devices} if devices else {})) as console:
            if not entered:
                token = (await console.link()).rpartition("/")[2]
                entered.append(await console.console.enter(token, "officer"))
            headers = {"User-Agent": "officer", "Cookie": f"{COOKIE}={entered[0]}"}
            async with TestClient(console.server) as client:
                answer = await client.get(f"/console{path}", headers=headers)
                page = await answer.text()
        assert answer.status == 200, page
        return page if raw else " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())

    return look


@pytest.fixture
async def small(work, clock, network):
    """A small network in which something is wrong."""
    return await filled(work, network, clock.now(), each=3, days=3)


@pytest.fixture
async def unaudited(work, clock, network):
    """People and rooms, and nothing looked at yet."""
    await people(work, network, 3, clock.now())
    await rooms(work, network)
    return network


async def audited(work, now, *findings, waived=()):
    async with work() as tx:
        await tx.audits.add(Audit("f" * 32, now, "asked", Judgement(findings, waived), 34, 24))


@pytest.mark.parametrize("path", ["", "/findings", "/rules", "/rooms/talk:KH", f"/members/{OFFICER}"])
async def test_without_an_audit_nothing_looks_well(look, unaudited, path):
    """It is said kindly, and no page claims that a rule is kept."""
    said = await look(unaudited, path)
    assert "No audit yet" in said
    assert "Every rule is kept" not in said
    assert 'class="dot well"' not in (await look(unaudited, path, raw=True)).partition("</ul>")[2]


async def test_no_audits_in_the_chart(look, unaudited):
    """There is no empty picture."""
    assert "No audit in these days." in await look(unaudited, "/time")


async def test_all_is_well(look, work, clock, unaudited):
    """The one thing an officer hopes to read."""
    await audited(work, clock.now())
    assert "Every rule is kept." in await look(unaudited, "")
    clock.time += timedelta(hours=37)  # by then the session is over, which another test shows
    async with work() as tx:
        await tx.log._connection.execute(
            tables.sessions.update().values(expires=clock.now() + timedelta(hours=1))
        )
    assert "This audit is old" in await look(unaudited, "")


async def test_every_rule_can_be_read(look, work, clock, small):
    """Each with what is wrong and what to do, in every language; page by page, the worst first."""
    names = [OFFICER, HELPER, *(f"member-{at}" for at in range(40))]
    everything = sorted(found(small, names), key=lambda each: -each.severity)
    await audited(work, clock.now() + timedelta(seconds=1), *everything)
    for language in LANGUAGES:
        async with work() as tx:
            officer = await tx.members.by_localpart(OFFICER)
            await tx.members.set_language(officer.id, language)
        pages = [await look(small, f"/findings?from={at}", raw=True) for at in range(0, len(everything), 40)]
        rules = [rule for page in pages for rule in re.findall(r'fine"><code>(.*?)</code>', page)]
        assert rules == [each.rule for each in everything]
        assert set(rules) == {each.id for each in RULES}
        assert f'<html lang="{language}">' in pages[0]


async def test_what_others_wrote_is_text(look, work, clock, small):
    """Values of a finding come from other servers: names of rooms, of accounts, of events."""
    evil = "<script>alert(1)</script>"
    rule = next(each for each in RULES if each.id == "room-foreign")
    values = {"server": evil, "count": 1}
    for name in ("talk:KH", f"!{evil}"):
        finding = Finding(rule.id, Severity.BREACH, Subject(About.ROOM, name), values)
        await audited(work, clock.now() + timedelta(seconds=1), finding)
        for path in ("", "/findings", "/rules", "/rooms/talk:KH"):
            assert "<script" not in await look(small, path, raw=True)
        async with work() as tx:
            await tx.audits.forget(clock.now() + timedelta(hours=1))


async def test_a_room_shows_who_is_in_and_what_differs(look, small):
    """By pseudonym; a stray one, which nobody declared, has what was found and nothing else."""
    said = await look(small, "/rooms/talk:KH")
    assert "Juniper shade" in said
    assert f"Who is in, by our books: 3 able-acorn {OFFICER} {HELPER}" in said
    stray = await look(small, f"/rooms/{STRAY}")
    assert "not in the network file" in stray
    assert "Who is in" not in stray


async def test_a_member_shows_duties_with_terms_rooms_and_devices(look, work, small):
    """And nothing by which anybody could be known."""
    said = await look(small, f"/members/{OFFICER}")
    assert "security officer since August 24, 2026, until August 24, 2027" in said
    assert "Devices 2" in said
    assert "Juniper rain" in said
    async with work() as tx:
        member = await tx.members.by_localpart(OFFICER)
    raw = await look(small, f"/members/{OFFICER}", raw=True)
    assert not any(secret in raw for secret in (member.id, member.chat, "@amber-heron"))


async def test_devices_may_be_unknown(look, small):
    """The homeserver is away; the page comes all the same."""

    async def away(_):
        return None

    assert "Devices cannot be told now" in await look(small, f"/members/{OFFICER}", devices=away)


async def test_waivers_tell_their_end(look, small):
    """Those that have ended stand first and are marked."""
    said = await look(small, "/waivers")
    assert re.search(r"ended device-many · everywhere .* Its last day was November 1, 2026", said)
    assert re.search(
        r"room-size · Basalt .* Its last day is December 20, 2026. Findings it covers now: 1", said
    )


async def test_what_waits_is_listed_without_its_digits(look, work, small):
    """Who reads this page must not be able to approve without having read the preview."""
    raw = await look(small, "/waiting", raw=True)
    async with work.reading() as tx:
        waiting = await tx.proposals.waiting()
    assert len(waiting) == raw.count("Asked for by") == 3
    assert not any(each.code in raw for each in waiting)
    assert "It has waited for 25 min, and runs out in 1 h 5 min." in raw


async def test_the_log_is_shown_page_by_page(look, small):
    """Every entry once, from the newest to the first."""
    seen, path = [], "/log"
    while path:
        page = await look(small, path, raw=True)
        seen += map(int, re.findall(r'class="seq">(\d+)<', page))
        older = re.search(r'href="(\?before=\d+)"', page)
        path = f"/log{older[1]}" if older else None
    assert seen == list(range(121, 0, -1))  # the last one says that the officer came in


async def test_a_log_that_holds_is_said_to_hold(look, small):
    """With the fingerprint that can be compared."""
    assert "Every entry fits the one before it" in await look(small, "/log")


async def test_a_log_that_was_changed_is_cried_out(look, work, small):
    """Whoever holds the database deleted what guards it, and an entry."""
    async with work() as tx:
        connection = tx.log._connection
        triggers = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.all():
            await connection.exec_driver_sql(f"DROP TRIGGER {name}")
        await connection.execute(tables.log.update().where(tables.log.c.seq == 5).values(body=b"[]"))
    said = await look(small, "/log")
    assert "The log does not hold: entry 5" in said
    assert "Every entry fits" not in said
    assert "5" in await look(small, "/log?before=40")


async def test_a_forged_checkpoint_is_cried_out(look, work, clock, small):
    """It was signed by nobody we know."""
    async with work() as tx:
        await tx.log.append(NewEntry(Action.ROOM_CREATED, "operator", "talk:KH"))
        last = await tx.checkpoints.latest()
        forged = last.note.replace(f"\n{last.size}\n", f"\n{last.size + 1}\n", 1)
        await tx.checkpoints.add(Checkpoint(last.size + 1, clock.now(), forged))
    said = await look(small, "/log")
    assert "do not agree (forged)" in said
    assert "Every entry fits" not in said


async def test_the_largest_network_can_be_read(look, work, clock):
    """A hundred rooms and 3,500 members: whom something was found of is named, the others are counted."""
    network = load_network(LARGE)
    names = await people(work, network, 3500 // len(network.areas) + 1, clock.now())
    await rooms(work, network)
    bad = [
        Finding("device-many", Severity.WARNING, Subject(About.MEMBER, name), {"count": 5, "limit": 4})
        for name in names[100:200]
    ]
    await audited(work, clock.now(), *bad)
    async with work.reading() as tx:
        groups = overview(
            network, await tx.rooms.all(), await tx.members.all(), Found(await tx.audits.latest())
        )
    assert len(names) >= 3500
    assert sum(len(group.rows) for group in groups) >= 80
    for row in (row for group in groups for row in group.rows):
        assert len(row.cells) <= CELLS
        assert len(row.cells) + row.more + row.calm == row.members
    crowded = next(row for group in groups for row in group.rows if row.more)
    assert (crowded.worst, crowded.gravest) == (None, Severity.WARNING)
    async with work() as tx:
        officer = await tx.members.by_localpart(OFFICER)
        await tx.members.grant(officer.id, "security_officer")
    assert len(await look(network, "", raw=True)) < LARGEST_PAGE
