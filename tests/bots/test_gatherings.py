"""Gatherings as the desk speaks of them: once, to each in their language, harmless whatever the title."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from banyan.domain.effects import Actor
from banyan.domain.gatherings import Rsvp
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import RoomKind, room_key
from banyan.i18n import LANGUAGES
from banyan.matrix import MatrixError
from banyan.services.chats import Chats
from banyan.services.gatherings import Gatherings
from banyan.services.roster import Roster
from banyan.services.traces import Traces
from bots.client import Message, Trust
from bots.desk import Desk
from bots.gatherings import Host, announcement, cancellation, reminder
from bots.outgoing import Outgoing
from tests.bots.fake_client import FakeClient
from tests.fakes import NOON, FakeVault, room_id
from tests.gathering_samples import REMIND, STARTS, TITLE, emptied, gathering, person

GUIDE = room_id(room_key(RoomKind.GUIDE, "KH"))


class Client(FakeClient):
    """Reacts as Synapse lets it: the same transaction or the same sign again makes no second one."""

    def __init__(self):
        super().__init__()
        self.signs = []
        self.tapped = []
        """What stands under a post before we know that it is one of ours, the newest first."""
        self.dies_before_reacting = False

    async def react(self, room_id, event_id, key, *, txn_id):
        if self.dies_before_reacting:
            self.dies_before_reacting = False
            raise ConnectionError
        if (room_id, event_id, key) in self.signs:
            raise MatrixError(400, "M_DUPLICATE_ANNOTATION")
        self.signs.append((room_id, event_id, key))
        return f"${txn_id}"

    async def reactions(self, room_id, event_id):
        relates = {"rel_type": "m.annotation", "event_id": event_id}
        return [
            {"event_id": f"${at}", "sender": sender, "content": {"m.relates_to": {**relates, "key": key}}}
            for at, (sender, key) in enumerate(self.tapped)
        ]


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def gatherings(work, clock, ids, network, accounts, rooms):
    return Gatherings(work, clock, ids, network=network, accounts=accounts)


@pytest.fixture
def make(work, client, gatherings, accounts, clock, network):
    """A new process of the desk over the same database and homeserver."""

    def host():
        chats = Chats(work, accounts, Roster(work, accounts, network))
        desk = Desk(client, Outgoing(client, clock), chats, FakeVault(), Traces(work, clock))
        return Host(client, desk, gatherings, chats, clock)

    return host


@pytest.fixture
def host(make):
    return make()


@pytest.fixture
async def otter(work):
    """Somebody who is asked."""
    member = person("otter", language="my")
    async with work() as tx:
        await tx.members.add(member)
    return member


@pytest.fixture
async def tea(gatherings, work, network, otter):
    author = person("heron")
    async with work() as tx:
        await tx.members.add(author)
        return await gatherings.announce(
            tx, TITLE, STARTS, [network.area("KH")], REMIND, by=author, actor="focal_point:heron"
        )


@pytest.fixture
def tend(work, clock, make):
    async def run():
        await emptied(work, clock, {**make().handlers, "redact": None})

    return run


def said(content):
    return content["body"], content["formatted_body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guide_room_reads_it_in_two_languages(language):
    """Its own and English, once where they are the same; the time of the place; nobody is called by name."""
    content = announcement(gathering(), language, "Asia/Phnom_Penh")
    assert (content["msgtype"], content["m.mentions"]) == ("m.text", {})
    for text in said(content):
        assert text.count(TITLE) == (1 if language == "en" else 2)
        assert "November 24, 2026, 19:00 (UTC+07:00)" in text
        assert all(key in text for key in "👍👎🤔")


@pytest.mark.parametrize("title", ["<b>x</b>", "**x** @room", "[x](https://matrix.to/#/@desk:banyan.test)"])
def test_a_title_does_nothing(title):
    """No HTML, nobody called."""
    for content in (
        announcement(gathering(title=title), "vi", "UTC"),
        cancellation(gathering(title=title), ("vi",), "UTC"),
        reminder(gathering(title=title), "vi", "UTC", NOON),
    ):
        assert "@room" not in str(content)
        assert "@desk" not in str(content)
        assert "<b>" not in content["formatted_body"]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=20), "in 1 minute"),
        (timedelta(minutes=59, seconds=50), "in 1 hour"),
        (timedelta(minutes=90), "in 90 minutes"),
        (timedelta(hours=2, minutes=59), "in 2 hours"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=47), "in 47 hours"),
        (timedelta(days=3), "(UTC+06:30)"),
    ],
    ids=str,
)
def test_a_reminder_never_promises_more_time_than_there_is(left, words):
    """Whole units, rounded down; beyond two days the date says enough."""
    body = reminder(gathering(), "en", "Asia/Yangon", STARTS - left)["body"]
    assert "November 24, 2026, 18:30 (UTC+06:30)" in body
    when = next(line for line in body.splitlines() if "2026" in line)
    assert when.endswith(words)


async def test_posted_once_with_its_three_signs(tend, client, tea, work):
    """One message, known for what it is, and one tap suffices to answer."""
    await tend()
    (event,) = client.sent
    assert event["room_id"] == GUIDE
    assert client.signs == [(GUIDE, event["id"], key) for key in "👍👎🤔"]
    async with work.reading() as tx:
        assert await tx.posts.subject_of(event["id"]) == tea.subject


async def test_a_death_before_the_signs_posts_nothing_twice(tend, client, tea, clock, host, work):
    """The next process finds the message and adds what is missing."""
    client.dies_before_reacting = True
    (effect,) = await queued(work)
    with pytest.raises(ConnectionError):
        await host.post(effect)
    await tend()
    await host.post(effect)
    assert len(client.sent) == 1
    assert len(client.signs) == 3


async def queued(work):
    async with work.reading() as tx:
        return await tx.outbox.due(Actor.DESK, NOON + timedelta(days=9), 10)


@pytest.mark.parametrize("late", ["begun", "cancelled"])
async def test_nobody_is_asked_to_what_is_over(tend, client, tea, clock, gatherings, work, late):
    """The desk was down until then."""
    if late == "begun":
        clock.time = STARTS
    else:
        async with work() as tx:
            await gatherings.cancel(tx, tea.id, actor="focal_point:heron")
    await tend()
    assert not any("👍" in event["content"]["body"] for event in client.sent)


def reaction(sender, target, key="👍", **changes):
    values = {
        "room_id": GUIDE,
        "event_id": "$tap",
        "sender": sender,
        "device_id": None,
        "type": "m.reaction",
        "content": {"m.relates_to": {"rel_type": "m.annotation", "event_id": target, "key": key}},
        "encrypted": False,
        "trust": Trust.UNKNOWN,
        "known_since": None,
        "sent_at": 0,
    }
    return Message(**values | changes)


@pytest.fixture
async def tap(tend, client, tea, accounts, otter):
    """A thumb up under the post."""
    await tend()
    return reaction(accounts.member(otter.localpart), client.sent[0]["id"])


async def answer(gatherings, work, tea, otter):
    async with work.reading() as tx:
        return (await tx.gatherings.rsvps(tea.id)).get(otter.id)


async def test_a_tap_and_its_withdrawal_are_heard(host, tap, gatherings, work, tea, otter):
    """As Element sends them."""
    await host.heard(tap)
    assert await answer(gatherings, work, tea, otter) is Rsvp.YES
    await host.heard(
        reaction(tap.sender, "", event_id="$gone", type="m.room.redaction", content={"redacts": tap.event_id})
    )
    assert await answer(gatherings, work, tea, otter) is None


async def test_a_tap_quicker_than_our_books_counts(tend, client, gatherings, work, tea, otter, accounts):
    """It came before we had written down which event the post is: the newest counts."""
    client.tapped = [(accounts.member(otter.localpart), key) for key in "👎👍"]
    await tend()
    assert await answer(gatherings, work, tea, otter) is Rsvp.NO


async def test_a_tap_that_was_missed_undoes_no_later_answer(
    tend, client, gatherings, work, tea, otter, accounts
):
    """They have said otherwise in their chat since."""
    async with work() as tx:
        await gatherings.answer(tx, tea.id, otter, Rsvp.MAYBE)
    client.tapped = [(accounts.member(otter.localpart), "👍")]
    await tend()
    assert await answer(gatherings, work, tea, otter) is Rsvp.MAYBE


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"m.relates_to": None},
        {"m.relates_to": {"rel_type": "m.reference", "event_id": "$0", "key": "👍"}},
        {"m.relates_to": {"rel_type": "m.annotation", "event_id": ["$0"], "key": "👍"}},
        {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$0", "key": 1}},
    ],
    ids=str,
)
async def test_misshapen_taps_do_nothing(host, tap, gatherings, work, tea, otter, content):
    """Whatever shape a server gives them, nothing fails and nothing counts."""
    await host.heard(reaction(tap.sender, "", content=content))
    await host.heard(reaction(tap.sender, "", type="m.room.redaction", content={"redacts": [tap.event_id]}))
    assert await answer(gatherings, work, tea, otter) is None


async def test_reminded_in_their_own_words_and_zone(host, tap, tend, client, gatherings, clock):
    """In the chat, in the member's language, the time of their place; once over two processes."""
    await host.heard(tap)
    clock.time = REMIND
    for _ in range(2):
        await gatherings.remind_due()
        await tend()
    _, told = client.sent
    assert told["room_id"] == "!otter"
    assert told["content"]["msgtype"] == "m.text"
    assert "19:00 (UTC+07:00)" in told["content"]["body"]
    assert "နိုဝင်ဘာ" in told["content"]["body"]


async def test_a_reminder_that_waited_is_not_said_too_late(host, tap, tend, client, gatherings, clock, work):
    """It was written in time, but the desk could not speak until the gathering had begun."""
    await host.heard(tap)
    clock.time = REMIND
    await gatherings.remind_due()
    clock.time = STARTS
    await tend()
    assert len(client.sent) == 1


async def test_who_is_frozen_meanwhile_is_told_nothing(
    host, tap, tend, client, gatherings, clock, work, otter
):
    """The reminder was queued already: it dies quietly."""
    await host.heard(tap)
    clock.time = REMIND
    await gatherings.remind_due()
    async with work() as tx:
        await tx.members.set_status(otter.id, MemberStatus.FROZEN)
    await tend()
    assert len(client.sent) == 1


async def test_a_cancelled_one_is_told_to_both(host, tap, tend, client, gatherings, work, tea):
    """In the guide room in two languages, in the chat in one; after what announced it."""
    await host.heard(tap)
    async with work() as tx:
        await gatherings.cancel(tx, tea.id, actor="focal_point:heron")
    await tend()
    told = {event["room_id"]: event["content"]["body"].count(TITLE) for event in client.sent[1:]}
    assert told == {GUIDE: 2, "!otter": 1}


async def test_nothing_of_it_is_logged(host, tap, tend, gatherings, clock):
    """Neither title nor who taps reaches a log line."""
    with capture_logs() as logs:
        await host.heard(tap)
        clock.time = REMIND
        await gatherings.remind_due()
        await tend()
    assert TITLE not in str(logs)
    assert "otter" not in str(logs)
