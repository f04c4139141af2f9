"""Gatherings: announced where they may be, answered by those who are asked, reminded of once."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from banyan.domain.effects import Actor
from banyan.domain.gatherings import Rsvp, answer_of
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import Refusal
from banyan.services.gatherings import LONGEST_TITLE, Gatherings
from banyan.services.retention import GATHERINGS, Retention
from tests.fakes import NOON, Receiver, room_id
from tests.gathering_samples import REMIND, STARTS, TITLE, emptied, person

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
POST = "$post"


@pytest.fixture
def make(work, clock, ids, network, accounts):
    """A new process over the same database."""
    return lambda store=work: Gatherings(store, clock, ids, network=network, accounts=accounts)


@pytest.fixture
def gatherings(make, rooms):
    return make()


@pytest.fixture
async def people(work):
    """One of each kind: the author, two more of the country, one of another, one who has no chat yet."""
    everybody = {
        "heron": person("heron"),
        "otter": person("otter"),
        "crane": person("crane", language="en"),
        "tiger": person("tiger", area="VN", language="vi"),
        "snail": person("snail", status=MemberStatus.INVITED),
    }
    async with work() as tx:
        for each in everybody.values():
            await tx.members.add(each)
    return everybody


@pytest.fixture
def announce(gatherings, work, network, people):
    async def ask(title=TITLE, starts=STARTS, remind=REMIND, areas=("KH",)):
        async with work() as tx:
            found = [network.area(key) for key in areas]
            return await gatherings.announce(
                tx, title, starts, found, remind, by=people["heron"], actor="focal_point:heron"
            )

    return ask


@pytest.fixture
async def tea(announce, gatherings):
    """Announced, and posted in its guide room."""
    announced = await announce()
    await gatherings.posted(POST, announced)
    return announced


@pytest.fixture
def tap(gatherings, accounts):
    async def react(localpart, key, event_id="$tap", target=POST):
        await gatherings.reacted(event_id, target, accounts.member(localpart), key)

    return react


@pytest.fixture
def answers(work, tea):
    async def read():
        async with work.reading() as tx:
            return await tx.gatherings.rsvps(tea.id)

    return read


async def test_announced_in_the_guide_rooms_of_its_areas(announce, effects, decisions):
    """One post a room, in its language and zone; ids only, for the title stays out of outbox and log."""
    announced = await announce(areas=("KH", "MM-1", "KH"))
    posts = await effects(Actor.DESK)
    assert posts == [
        (
            "gathering_post",
            {
                "gathering_id": announced.id,
                "room_id": room_id(room_key(RoomKind.GUIDE, area)),
                "language": language,
                "zone": zone,
            },
        )
        for area, language, zone in (("KH", "km", "Asia/Phnom_Penh"), ("MM-1", "my", "Asia/Yangon"))
    ]
    assert await decisions() == [("gathering-announced", "focal_point:heron", {"areas": "KH,MM-1"})]


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts": NOON},
        {"starts": NOON + timedelta(days=400), "remind": None},
        {"remind": STARTS},
        {"remind": NOON},
        {"title": " \u202e\n "},
        {"title": "x" * (LONGEST_TITLE + 1)},
        {"title": "x" * 65536},
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused(announce, effects, decisions, wrong):
    """The wrong moment or title: a sentence, and nothing is written."""
    with pytest.raises(Refusal):
        await announce(**wrong)
    assert (await effects(Actor.DESK), await decisions()) == ([], [])


async def test_not_half_an_announcement(announce, work, effects):
    """A room that is missing stops the whole."""
    async with work() as tx:
        await tx.rooms.remove(room_key(RoomKind.GUIDE, "VN"))
    with pytest.raises(Refusal):
        await announce(areas=("KH", "VN"))
    assert await effects(Actor.DESK) == []


async def test_the_title_is_one_harmless_line(announce):
    """Nothing that turns a line around or begins a new one is kept."""
    assert (await announce(title=" Tea\u202e\r\nat\tnine ")).title == "Tea at nine"


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("👍", Rsvp.YES),
        ("👍🏿", Rsvp.YES),
        ("👍\ufe0f", Rsvp.YES),
        ("👎🏽", Rsvp.NO),
        ("🤔", Rsvp.MAYBE),
        ("❤", None),
        ("", None),
        ("👍👍", None),
    ],
)
def test_what_a_tap_says(key, answer):
    """In any colour; anything else says nothing."""
    assert answer_of(key) is answer


async def test_a_tap_is_an_answer_until_it_is_taken_back(tap, answers, gatherings, people):
    """The latest of a person counts."""
    await tap("otter", "👍", "$1")
    await tap("otter", "🤔", "$2")
    await tap("crane", "👎", "$3")
    assert await answers() == {people["otter"].id: Rsvp.MAYBE, people["crane"].id: Rsvp.NO}
    await gatherings.unreacted("$1")
    await gatherings.unreacted("$3")
    assert await answers() == {people["otter"].id: Rsvp.MAYBE}


async def test_a_tap_heard_again_changes_nothing(tap, answers, gatherings, people, work, tea):
    """After a crash it may be told twice, when they have answered otherwise since."""
    await tap("otter", "👍")
    async with work() as tx:
        await gatherings.answer(tx, tea.id, people["otter"], Rsvp.NO)
    await tap("otter", "👍")
    assert await answers() == {people["otter"].id: Rsvp.NO}


@pytest.mark.parametrize(
    "forged",
    [
        {"localpart": "tiger"},
        {"localpart": "snail"},
        {"localpart": "stranger"},
        {"localpart": "desk"},
        {"key": "❤"},
        {"target": "$another"},
    ],
    ids=str,
)
async def test_taps_that_do_not_count(tap, answers, work, forged):
    """Of another country, of somebody not admitted by then or unknown, of our own, on another event."""
    await tap(**{"localpart": "otter", "key": "👍"} | forged)
    async with work() as tx:
        await tx.members.set_status("id-snail", MemberStatus.ADMITTED)
    assert await answers() == {}


async def test_a_reaction_to_something_else_is_no_answer(gatherings, tap, work, tea, answers):
    """A post about another subject may have the same id behind it."""
    async with work() as tx:
        await tx.posts.add("$alert", f"alert:{tea.id}", NOON)
    await tap("otter", "👍", target="$alert")
    assert await answers() == {}


async def test_too_late_to_answer(tap, answers, gatherings, work, tea, people, clock):
    """Neither by tap nor by word once it has begun."""
    clock.time = STARTS
    await tap("otter", "👍")
    assert await answers() == {}
    with pytest.raises(Refusal):
        async with work() as tx:
            await gatherings.answer(tx, tea.id, people["otter"], Rsvp.YES)


async def test_answered_in_the_chat(gatherings, work, tea, people, answers):
    """It is counted; what is not for them, or is no gathering, is refused alike."""
    async with work() as tx:
        await gatherings.answer(tx, tea.id, people["otter"], Rsvp.YES)
        assert await tx.gatherings.rsvps(tea.id) == {people["otter"].id: Rsvp.YES}
        assert await gatherings.counts(tx, tea.id) == {Rsvp.YES: 1, Rsvp.NO: 0, Rsvp.MAYBE: 0}
        with pytest.raises(Refusal) as foreign:
            await gatherings.answer(tx, tea.id, people["tiger"], Rsvp.YES)
        with pytest.raises(Refusal) as unknown:
            await gatherings.answer(tx, "nothing", people["otter"], Rsvp.YES)
    assert str(foreign.value) == str(unknown.value)


async def test_a_member_sees_what_is_for_them(gatherings, work, announce, people):
    """Their own area's, soonest first."""
    await announce(title="far", areas=("KH", "VN"))
    await announce(title="near", starts=STARTS - HOUR, remind=None)
    async with work.reading() as tx:
        titles = {
            area: [each.title for each in await gatherings.coming(tx, {area})]
            for area in ("KH", "VN", "MM-1")
        }
    assert titles == {"KH": ["near", "far"], "VN": ["far"], "MM-1": []}


@pytest.fixture
async def answered(gatherings, work, tea, people):
    """One yes, one no, one perhaps; and one yes of somebody who was frozen since."""
    frozen = person("gecko")
    async with work() as tx:
        await tx.members.add(frozen)
        for each, answer in (
            (people["otter"], Rsvp.YES),
            (people["heron"], Rsvp.NO),
            (people["crane"], Rsvp.MAYBE),
            (frozen, Rsvp.YES),
        ):
            await gatherings.answer(tx, tea.id, each, answer)
        await tx.members.set_status(frozen.id, MemberStatus.FROZEN)


async def reminders(effects):
    return [payload for kind, payload in await effects(Actor.DESK) if kind == "gathering_reminder"]


async def test_whoever_may_come_is_reminded(gatherings, answered, effects, clock, people, tea):
    """At its time, not before; in their chat and zone; ids only, and not who is frozen."""
    clock.time = REMIND - SECOND
    assert await gatherings.remind_due() == 0
    clock.time = REMIND
    assert await gatherings.remind_due() == 1
    told = sorted(await reminders(effects), key=lambda payload: payload["room_id"])
    assert told == [
        {"gathering_id": tea.id, "member_id": f"id-{name}", "room_id": f"!{name}", "zone": "Asia/Phnom_Penh"}
        for name in ("crane", "otter")
    ]


async def test_reminded_once_over_restarts(make, rooms, answered, work, effects, clock):
    """Two processes, and each drained twice: every reminder arrives once."""
    clock.time = REMIND
    receiver = Receiver()
    for _ in range(2):
        await make().remind_due()
        for _ in range(2):
            await emptied(work, clock, {"gathering_post": Receiver(), "gathering_reminder": receiver})
    assert sorted(each.lane for each in receiver.arrived.values()) == ["!crane", "!otter"]
    assert len(receiver.attempts) == 2


async def test_killed_while_reminding(make, answered, work, effects, clock):
    """What was not committed did not happen: the next process does all of it."""

    class Dying:
        reading = work.reading

        @asynccontextmanager
        async def __call__(self):
            async with work() as tx:
                yield tx
                raise KeyboardInterrupt

    clock.time = REMIND
    with pytest.raises(KeyboardInterrupt):
        await make(Dying()).remind_due()
    assert await reminders(effects) == []
    assert await make().remind_due() == 1
    assert len(await reminders(effects)) == 2


async def test_late_is_better_than_never_until_it_begins(
    gatherings, announce, answered, effects, clock, work
):
    """We were down at the time: still reminded of what lies ahead, silently not of what has begun."""
    clock.time = STARTS - SECOND
    assert await gatherings.remind_due() == 1
    second = await announce(starts=STARTS + HOUR, remind=STARTS)
    before = await reminders(effects)
    clock.time = STARTS + HOUR
    assert await gatherings.remind_due() == 0
    async with work.reading() as tx:
        assert (await tx.gatherings.get(second.id)).reminded
    assert await reminders(effects) == before


async def test_cancelled(gatherings, answered, effects, decisions, work, clock, tea):
    """Said where it was announced and to whoever may have come; no reminder after it, and not twice."""
    async with work() as tx:
        await gatherings.cancel(tx, tea.id, actor="focal_point:heron")
        with pytest.raises(Refusal):
            await gatherings.cancel(tx, tea.id, actor="focal_point:heron")
    clock.time = REMIND
    assert await gatherings.remind_due() == 0
    told = [(kind, payload["room_id"]) for kind, payload in await effects(Actor.DESK)]
    guide = room_id(room_key(RoomKind.GUIDE, "KH"))
    assert told[:2] == [("gathering_post", guide), ("gathering_cancel_post", guide)]
    assert sorted(told[2:]) == [("gathering_cancel", "!crane"), ("gathering_cancel", "!otter")]
    assert (await decisions())[-1] == ("gathering-cancelled", "focal_point:heron", {"areas": "KH"})


async def test_a_cancelled_one_is_closed(gatherings, tap, answers, work, tea, people):
    """It is neither listed nor answered."""
    async with work() as tx:
        await gatherings.cancel(tx, tea.id, actor="focal_point:heron")
        assert await gatherings.coming(tx, {"KH"}) == []
        with pytest.raises(Refusal):
            await gatherings.answer(tx, tea.id, people["otter"], Rsvp.YES)
    await tap("otter", "👍")
    assert await answers() == {}


async def test_nothing_is_left_of_what_is_over(gatherings, answered, work, clock, tea, answers):
    """A week later neither title nor who came nor the post is in the database."""
    retention = Retention(work, clock)
    clock.time = STARTS + GATHERINGS
    await retention.sweep()
    async with work.reading() as tx:
        assert await tx.gatherings.get(tea.id) is not None
    assert await answers() != {}
    clock.time += SECOND
    await retention.sweep()
    async with work.reading() as tx:
        assert (await tx.gatherings.get(tea.id), await tx.posts.subject_of(POST)) == (None, None)
    assert await answers() == {}


async def test_the_outbox_does_not_keep_who_came(gatherings, answered, work, clock):
    """A reminder that is done says no more for whom it was, and leaves no value behind for ever."""
    clock.time = REMIND
    await gatherings.remind_due()
    receiver = Receiver()
    await emptied(work, clock, {"gathering_post": Receiver(), "gathering_reminder": receiver})
    async with work() as tx:
        for effect_id in receiver.arrived:
            assert (await tx.outbox.get(effect_id)).payload == {}
        await tx.outbox.forget(clock.now() + SECOND)
        assert [await tx.outbox.get(effect_id) for effect_id in receiver.arrived] == [None, None]
