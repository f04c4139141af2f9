"""Audits: made, kept, told of; and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from banyan.domain.alerts import Alert, AlertState, Kind, Response, Severity, Status
from banyan.domain.checkins import Answer
from banyan.domain.effects import Actor
from banyan.domain.findings import About, Finding, Judgement, Subject
from banyan.domain.findings import Severity as Grave
from banyan.domain.people import Invitation, Member, MemberStatus, Placement
from banyan.domain.sight import SeenToken
from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError
from banyan.services import audit as making
from banyan.services.audit import WANTED, Audits, Blind, concerning
from banyan.services.books import read_books
from banyan.services.rounds import BLIND, Rounds
from banyan.services.world import Baseline
from policies.engine import rule
from tests.banyan.services.sights import sound
from tests.fakes import NOON, FakeEye, room_id

HERON = Member("m1", "heron", Placement("KH"), "en", MemberStatus.ADMITTED)
OTTER = Member("m2", "otter", Placement("KH"), "en", MemberStatus.ADMITTED)
BAD_DAY = "bad-day"


@rule(BAD_DAY, about=About.MEMBER, severity=Grave.WARNING, title="Bad: {who}.", remedy="Wait.")
def bad_day(person, _):
    """Found of whoever is called otter, and of everybody whose identity changed."""
    if person.identity_changed or person.member.localpart == "otter":
        yield {"who": person.member.localpart}


@pytest.fixture
def eye(network, accounts):
    return FakeEye(sound(network, accounts, [HERON, OTTER]))


@pytest.fixture
async def audits(work, clock, ids, network, accounts, eye, rooms, monkeypatch):
    """Audits by one simple rule, of a network of two."""
    monkeypatch.setattr(making, "RULES", (bad_day,))
    async with work() as tx:
        for member in (HERON, OTTER):
            await tx.members.add(member)
    return Audits(
        work, clock, ids, eye, network=network, accounts=accounts, baseline=lambda _partners: Baseline()
    )


async def latest(audits):
    """The last audit that was kept."""
    async with audits._work.reading() as tx:
        return await tx.audits.latest()


async def test_an_audit_is_kept_as_it_was_made(audits, work):
    """What was found, of how much, and when: from then on it is the latest."""
    made = await audits.run("asked")
    assert [str(each.subject) for each in made.judgement.findings] == ["member:otter"]
    assert (made.at, made.cause, made.rooms, made.members) == (NOON, "asked", 41, 2)
    assert await latest(audits) == replace(made, uncovered=tuple(made.uncovered))
    async with work.reading() as tx:
        assert [tally.warnings for tally in await tx.audits.tallies(NOON - timedelta(days=30))] == [1]


async def test_members_are_known_by_whom_the_first_audit_saw(audits, eye, network, accounts):
    """Somebody who changes is found by every later audit; our own accounts are compared with our files."""
    await audits.run("start")
    changed = [
        replace(each, master_key="another") if each.user_id == "@heron:banyan.test" else each
        for each in eye.sight.accounts
    ]
    eye.sight = replace(eye.sight, accounts=changed)
    for _ in range(2):
        found = await audits.run("daily")
        assert [each.subject.name for each in found.judgement.findings] == ["heron", "otter"]
    assert accounts.desk not in await _pins(audits)


async def _pins(audits):
    async with audits._work.reading() as tx:
        return await tx.identities.all()


async def test_who_is_told_hears_it_in_the_unit_of_work_that_keeps_it(audits, work):
    """The latest is then still the one before; what fails there keeps nothing at all."""
    heard = []

    async def told(tx, audit):
        heard.append((audit.id, await tx.audits.latest()))
        await tx.noted.set("told", audit.id)
        if len(heard) > 1:
            raise RuntimeError

    audits.told = told
    first = await audits.run("start")
    with pytest.raises(RuntimeError):
        await audits.run("daily")
    assert heard[0] == (first.id, None)
    assert heard[1][1].id == first.id
    assert (await latest(audits)).id == first.id
    async with work.reading() as tx:
        assert await tx.noted.get("told") == first.id


@pytest.mark.parametrize(
    "error", [HomeserverDown("x"), MatrixError(404, "M_UNRECOGNIZED"), KeyError("rooms")]
)
async def test_an_eye_that_cannot_see_is_no_good_news(audits, eye, error):
    """Nothing is kept, and it says so: never an audit without findings."""
    eye.fails_with = error
    with pytest.raises(Blind, match="nothing could be checked"):
        await audits.run("asked")
    assert await latest(audits) is None


def finding(name, **values):
    return Finding(BAD_DAY, Grave.WARNING, Subject(About.ROOM, name), values)


def test_what_concerns_one_names_them_or_is_about_them():
    """A stranger in a room concerns the room and the stranger."""
    both, other = finding("talk:KH", who="otter"), finding("talk:LA")
    judgement = Judgement((both, other), (other,), (both,))
    assert concerning(judgement, "talk:KH") == Judgement((both,), (), (both,))
    assert concerning(judgement, "otter") == concerning(judgement, "talk:KH")
    assert concerning(judgement, "otte") == Judgement(())


ASKED = Alert(
    id="a1",
    sender="",
    identifier="a1",
    sent=NOON,
    expires=NOON + timedelta(hours=6),
    status=Status.ACTUAL,
    areas=("KH",),
    kind=Kind.RAID,
    severity=Severity.SEVERE,
    response=Response.AVOID,
    texts={},
    state=AlertState.QUEUED,
    received=NOON,
)


async def test_silence_is_counted_back_from_the_last_question_that_is_over(audits, work):
    """An answer ends the count; who was not asked, or may still answer, has missed nothing."""
    async with work() as tx:
        for number in range(4):
            alert = replace(
                ASKED, id=f"a{number}", identifier=f"a{number}", received=NOON + timedelta(days=number)
            )
            await tx.alerts.add(replace(alert, expires=alert.received), alert.id)
            await tx.checkins.add(alert.id, [HERON.id, *([OTTER.id] if number < 2 else [])])
        await tx.checkins.set_answer("a1", HERON.id, Answer.SAFE, NOON)

    async def silent(days):
        async with work.reading() as tx:
            return dict((await read_books(tx, NOON + timedelta(days=days))).unanswered)

    assert await silent(0.5) == {}
    assert await silent(1) == {"heron": 1, "otter": 1}
    assert await silent(2) == {"otter": 2}
    assert await silent(3) == {"heron": 1, "otter": 2}
    assert await silent(4) == {"heron": 2, "otter": 2}


async def test_books_know_which_tokens_stand_for_somebody(audits, work):
    """One that was used stands for nobody any more; of one that ran out, or is not ours, nothing is known."""
    waiting = Member("m3", "lark", Placement("KH"), "en")
    async with work() as tx:
        await tx.members.add(waiting)
        await tx.invitations.add(Invitation("m3", "open", NOON))
        await tx.invitations.add(Invitation("m1", "used", NOON))
    later, seen = NOON + timedelta(hours=1), ("open", "used", "foreign")
    tokens = [SeenToken(digest, None, 0, later) for digest in seen]
    async with work.reading() as tx:
        books = await read_books(tx, NOON, tokens)
        over = await read_books(tx, later, tokens)
    assert (books.tokens, books.spent) == ({"open"}, {"used"})
    assert (over.tokens, over.spent) == ({"open"}, frozenset())


@pytest.fixture
def back():
    """Whether another network file than ours was applied: not until something is in here."""
    return []


@pytest.fixture
def rounds(audits, work, clock, network, back):
    """Begin at noon in UTC: seven in the evening where the staff are."""

    async def is_back():
        return bool(back)

    return Rounds(audits, work, clock, network, is_back)


async def tended(rounds, audits, clock, **later):
    """Move on and tend; the cause of the audit that was made, None without one."""
    before = await latest(audits)
    clock.forward(**later)
    audits._eye.sight = replace(audits._eye.sight, at=clock.now())
    await rounds.tend()
    after = await latest(audits)
    return None if before == after else after.cause


async def want(work, value):
    async with work() as tx:
        await tx.noted.set(WANTED, value)


async def test_audits_are_made_after_the_start_and_every_morning(rounds, audits, clock):
    """Half a minute after the start, then at eight in the staff's zone: 1 o'clock UTC."""
    assert await tended(rounds, audits, clock, seconds=29) is None
    assert await tended(rounds, audits, clock, seconds=1) == "start"
    assert await tended(rounds, audits, clock, hours=12, minutes=59) is None
    assert await tended(rounds, audits, clock, minutes=1) == "daily"
    assert clock.now() >= datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert await tended(rounds, audits, clock, hours=23, minutes=59) is None
    assert await tended(rounds, audits, clock, minutes=1) == "daily"


async def test_the_first_morning_is_the_next_one(rounds, audits, clock):
    """Who starts before eight is told at eight, not a day later."""
    assert await tended(rounds, audits, clock, hours=12) == "start"  # seven in the morning there
    assert await tended(rounds, audits, clock, hours=1) == "daily"


async def test_a_change_by_another_file_is_not_judged_by_ours(rounds, audits, clock, work, back):
    """Its new rooms would be nobody's. The morning's audit is made all the same."""
    assert await tended(rounds, audits, clock, seconds=30) == "start"
    back.append("another file")
    await want(work, "one")
    assert await tended(rounds, audits, clock, seconds=15) is None
    assert await tended(rounds, audits, clock, hours=13) == "daily"


async def test_what_another_process_changed_is_audited_once(rounds, audits, clock, work):
    """At the next look; before the first audit that one serves, for it sees the change too."""
    await want(work, "one")
    assert await tended(rounds, audits, clock, seconds=15) is None
    assert await tended(rounds, audits, clock, seconds=15) == "start"
    assert await tended(rounds, audits, clock, seconds=15) is None
    await want(work, "two")
    assert await tended(rounds, audits, clock, hours=12) == "apply"
    assert await tended(rounds, audits, clock, seconds=15) is None
    assert await tended(rounds, audits, clock, hours=1) == "daily", (
        "one for a change takes no morning's place"
    )


@pytest.mark.parametrize("error", [HomeserverDown("x"), RuntimeError("nobody thought of it")])
async def test_staff_are_told_when_the_eye_stays_shut(rounds, audits, eye, clock, effects, error):
    """After three looks a minute apart, once a day; then it goes on where it was."""
    eye.fails_with = error
    for wait in (30, 60):
        assert await tended(rounds, audits, clock, seconds=wait) is None
    assert await effects(Actor.STEWARD) == []
    for _ in range(5):
        assert await tended(rounds, audits, clock, seconds=60) is None
    [(kind, payload)] = await effects(Actor.STEWARD)
    assert (kind, payload["reason"], payload["room_id"]) == ("warn", BLIND, room_id("staff:security"))
    await tended(rounds, audits, clock, seconds=24 * 60 * 60)
    assert len(await effects(Actor.STEWARD)) == 2, "it is still shut the next day"
    looks = eye.looks
    assert await tended(rounds, audits, clock, seconds=20) is None
    assert eye.looks == looks, "not more often than every minute"
    eye.fails_with = None
    assert await tended(rounds, audits, clock, seconds=40) == "start"
