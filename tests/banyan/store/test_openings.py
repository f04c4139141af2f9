"""Whom an entry is about: committed to in the log, kept beside it, shredded when they are long gone."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import select

from banyan.domain.log import Action, NewEntry, about_member
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.domain.proof import examine
from banyan.services.log import DecisionLog
from banyan.services.retention import OPENINGS, Retention
from banyan.store import tables


def member(name, status=MemberStatus.ADMITTED):
    return Member(sha256(name.encode()).hexdigest()[:32], name, Placement("KH"), "en", status)


async def write(work, *people):
    async with work() as tx:
        for each in people:
            await tx.log.append(about_member(Action.MEMBER_ADMITTED, "service:gate", each))


async def named(work):
    async with work.reading() as tx:
        openings = await tx.log.openings()
    return {seq: [opening.value for opening in each] for seq, each in openings.items()}


async def test_an_entry_commits_to_a_name_and_does_not_say_it(work):
    """A salt of its own each time, so the same name twice looks like two; the opening proves it."""
    await write(work, member("amber-heron"), member("amber-heron"))
    async with work() as tx:
        await tx.log.append(NewEntry(Action.HOME_FOUNDED, "operator", "home"))
    async with work.reading() as tx:
        entries, openings = await tx.log.all(), await tx.log.openings()
    said = [json.loads(entry.body).get("commitments") for entry in entries]
    assert b"amber-heron" not in b"".join(entry.body for entry in entries)
    assert said[0] != said[1]
    assert said[2] is None
    opening = openings[1][0]
    assert said[0] == {"member": sha256(bytes.fromhex(opening.salt) + b"amber-heron").hexdigest()}
    assert len(bytes.fromhex(opening.salt)) == 16
    assert examine(entries).broken is None
    assert (await DecisionLog(work).book()).examine([]).sound


async def test_an_opening_that_was_changed_shows(work):
    """Nobody makes an entry be about somebody else."""
    await write(work, member("amber-heron"), member("blue-crane"))
    async with work() as tx:
        await tx.log._connection.execute(
            tables.openings.update().where(tables.openings.c.seq == 2).values(value="amber-heron")
        )
    doubts = (await DecisionLog(work).book()).examine([]).doubts
    assert [(doubt.why, doubt.size) for doubt in doubts] == [("opening", 2)]


async def test_a_decision_that_is_undone_leaves_no_opening(work):
    """They are written together, or not at all."""

    async def undone():
        async with work() as tx:
            await tx.log.append(about_member(Action.MEMBER_ADMITTED, "service:gate", member("amber-heron")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await named(work) == {}


async def test_who_is_long_gone_is_shredded(work, clock, ids):
    """Ninety days after the last entry about them, and only those who are gone; chain and tree hold."""
    people = {name: member(name) for name in ("here", "frozen", "expired", "lately")}
    gone = {"frozen": MemberStatus.FROZEN, "expired": MemberStatus.EXPIRED, "lately": MemberStatus.FROZEN}
    async with work() as tx:
        for name, each in people.items():
            await tx.members.add(replace(each, status=gone.get(name, each.status)))
    await write(work, *people.values())
    before = (await DecisionLog(work).book()).examine([])
    clock.forward(seconds=OPENINGS.total_seconds())
    await Retention(work, clock).sweep()
    assert len(await named(work)) == 4
    await write(work, people["lately"])
    clock.forward(seconds=1)
    assert await Retention(work, clock).sweep() == 2
    assert await named(work) == {1: ["here"], 4: ["lately"], 5: ["lately"]}
    after = (await DecisionLog(work).book()).examine([])
    assert after.sound
    assert after.leaves[:4] == before.leaves
    clock.forward(seconds=OPENINGS.total_seconds() + 1)
    await Retention(work, clock).sweep()
    assert await named(work) == {1: ["here"]}


async def test_every_decision_about_a_member_commits(work, members, roles, rooms):
    """Invited, admitted, given a role: whom it is about is in the openings, and nowhere in the log."""
    invited = await members.invite("KH")
    await members.arrived(invited.user_id)
    (one,) = await members.list()
    async with work() as tx:
        await roles.give(tx, one, "focal_point", by="operator")
    assert await named(work) == {seq: [one.localpart] for seq in (1, 2, 3)}
    async with work.reading() as tx:
        rows = await tx.log._connection.execute(select(tables.log.c.body))
    assert not [body for (body,) in rows if one.localpart.encode() in body]
