"""The log: one chain, whoever writes it, and every change to it shows."""

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from banyan.domain.effects import Actor
from banyan.domain.log import GENESIS, Action, Break, NewEntry, entry_body, leaf_hash
from banyan.domain.proof import examine
from tests.fakes import NOON

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).parents[3]


async def appender(url, count, name):
    return await asyncio.create_subprocess_exec(
        sys.executable, APPENDER, url, str(count), name, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


def printable(engine):
    return engine.url.render_as_string(hide_password=False)


async def test_two_processes_write_one_chain(engine, work):
    """Appends of several processes at once: no gap, no fork, nothing lost."""
    names = ("left", "right")
    children = [await appender(printable(engine), 40, name) for name in names]
    async with asyncio.timeout(60):
        for _ in range(40):
            async with work() as tx:
                await tx.log.append(NewEntry(Action.HOME_FOUNDED, "here", "home"))
        assert [await child.wait() for child in children] == [0, 0]
    async with work.reading() as tx:
        entries = await tx.log.all()
    assert examine(entries).broken is None
    actors = [json.loads(entry.body)["actor"] for entry in entries]
    assert {name: actors.count(name) for name in {*actors}} == {"left": 40, "right": 40, "here": 40}


async def test_a_killed_writer_loses_nothing_it_answered(engine, work, clock):
    """Kill -9 in the middle of commits: each answered decision is there, whole, and others go on writing."""
    child = await appender(printable(engine), 500, "doomed")
    async with asyncio.timeout(60):
        answered = 0
        while answered < 50:
            await child.stdout.readline()
            answered += 1
        child.kill()
        rest, _ = await child.communicate()
    answered += rest.count(b"\n")
    async with work() as tx:
        await tx.log.append(NewEntry(Action.HOME_FOUNDED, "here", "home"))
        entries = await tx.log.all()
        effects = (await tx.outbox.waiting())[Actor.DESK]
    assert examine(entries).broken is None
    assert answered <= len(entries) - 1 < 500
    assert effects == len(entries) - 1


@pytest.fixture
async def entries(work, clock):
    async with work() as tx:
        for number in range(5):
            clock.forward(seconds=1)
            details = {"number": number, "late": False, "area": "KH"}
            await tx.log.append(NewEntry(Action.MEMBER_INVITED, "operator", "0" * 32, details=details))
    async with work.reading() as tx:
        assert (await tx.log.all(after=3))[0].seq == 4
        return list(await tx.log.all())


async def test_an_entry_says_what_was_decided(entries):
    """The body is canonical JSON with its place in the chain and the moment in UTC."""
    body = json.loads(entries[1].body)
    assert body == {
        "seq": 2,
        "at": "2026-11-22T12:00:02.000000+00:00",
        "prev": entries[0].hash,
        "action": "member-invited",
        "actor": "operator",
        "object": "0" * 32,
        "reason": "",
        "details": {"number": 1, "late": False, "area": "KH"},
    }
    assert entries[1].hash == leaf_hash(entries[1].body)


def reword(entry, **changes):
    body = json.dumps(json.loads(entry.body) | changes, sort_keys=True, separators=(",", ":")).encode()
    return replace(entry, body=body, hash=leaf_hash(body))


async def test_every_change_shows(entries):
    """A flipped byte, a dropped, swapped, rewritten or back-dated entry: each breaks the chain."""
    assert examine(entries).broken is None
    flipped = replace(entries[2], body=entries[2].body.replace(b"KH", b"KI"))
    spaced = replace(entries[2], body=(loose := json.dumps(json.loads(entries[2].body)).encode()),
                     hash=leaf_hash(loose))  # fmt: skip
    garbage = replace(entries[2], body=b"\xff{", hash=leaf_hash(b"\xff{"))
    bare = replace(entries[2], body=b"[]", hash=leaf_hash(b"[]"))
    for middle, why in (
        (flipped, "hash"),
        (spaced, "not-canonical"),
        (garbage, "unreadable"),
        (bare, "unreadable"),
        (reword(entries[2], prev=GENESIS), "prev"),
        (reword(entries[2], seq=4), "mismatch"),
        (replace(entries[2], at=NOON + timedelta(days=1)), "mismatch"),
    ):
        assert examine([*entries[:2], middle, *entries[3:]]).broken == Break(3, why)
    assert examine([*entries[:2], *entries[3:]]).broken == Break(3, "gap")
    assert examine([*entries[:2], entries[3], entries[2], entries[4]]).broken == Break(3, "gap")
    reworded = reword(entries[2], reason="other")
    assert examine([*entries[:2], reworded, *entries[3:]]).broken == Break(4, "prev")


def test_the_body_does_not_depend_on_the_zone():
    """The same moment in another zone gives the same bytes."""
    entry = NewEntry(Action.HOME_FOUNDED, "operator", "home")
    there = NOON.astimezone(tz=ZoneInfo("Asia/Yangon"))
    assert entry_body(entry, seq=1, at=NOON, prev=GENESIS) == entry_body(entry, seq=1, at=there, prev=GENESIS)
