"""A whole evening with the network, as members and staff live it in Element: one story, told in order."""

import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from banyan.i18n import ENDONYMS, LANGUAGES
from tests.client.english import pattern
from tests.client.evening import DECLARED, THEME, Evening, evening_at, moment
from tests.client.network import PASSPHRASE, SPEAKERS
from tests.client.person import MESSAGE, POLL, STAND, code, reads
from tests.client.transcript import PAGE, transcript
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.client, pytest.mark.asyncio(loop_scope="module")]

COACH = "Step 1 of 5: which language shall I speak with you? Answer with a number."
YELLOW = "🟡 Safety message. Open it where nobody else can see your screen."
ORANGE = "🟠 Important safety message. Open it soon, where nobody else can see your screen."
ADDED = "Behind the market"
HEADLINE = "Checkpoint on the old road"
AREAS = ("KH", "LA", "MM", "TH", "VN")
TITLE = "Evening tea by the river"
REMINDER = "⏰ A reminder: you may come to this gathering."
COMES, IN_DOUBT = "I will come", "I do not know yet"
HOW = "Tap an answer above, or write its number:"
GLAD = "Thank you, I am glad."
COUNTED = "You are counted for {code}. One more person has to write its number."
DONE = "Two of you stand behind {code}. It is being done now."
THEME_ROOM = f"theme:{THEME}"
SECURITY, FOCAL_POINTS = "staff:security", "staff:focal-points"
LONGEST_PAGE = 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def evening(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Evening]:
    """Everybody has joined by their link and holds a phone."""
    async with evening_at(tmp_path_factory.mktemp("home")) as evening:
        yield evening


async def test_everybody_is_welcomed_in_their_language(evening):
    """The desk's first words are readable, although they were written when the person had only just come."""
    for person in evening.people.values():
        welcome = await person.told("Welcome, {name}. ")
        assert welcome.clean
        assert person.name in welcome.body
        assert pattern(COACH, person.language).search(welcome.body)


async def test_newcomers_are_walked_through_the_first_steps(evening):
    """One does all of them, in Burmese digits; one puts them off, in Lao digits."""
    alumna, focal = evening.alumna, evening.focal
    shown = await alumna.choose_all(await alumna.told(), ENDONYMS["my"], "Done", "How do I do that?")
    shown = await alumna.choose_all(shown, "Done", "Done", "Yes")
    assert all(title in shown.body for title in alumna.titles.values()), "it tells what her rooms are for"
    assert shown.clean
    later = await focal.choose_all(await focal.told(), ENDONYMS["lo"], "Later")
    assert pattern("I will remind you once, tomorrow.", "lo").search(later.body)


async def test_what_rooms_are_for_is_told_to_oneself_only(evening):
    """Asked in a staff room the answer comes in the asker's chat, with how many are in their rooms."""
    focal = evening.focal
    here = await focal.say(focal.word("rooms"), FOCAL_POINTS)
    assert reads(here.body, "I have answered you in your own chat.")
    legend = await focal.told("{room}: news and gatherings. Only I write there.")
    assert all(title in legend.body for title in focal.titles.values())
    assert re.search("Larch shade.*: 1$", legend.body, re.MULTILINE)


async def test_a_focal_point_asks_for_an_alert_and_two_officers_let_it_out(evening):
    """First step by step, and stopped; then in one line. The officers type its digits, one in Thai."""
    focal, officer, second = evening.focal, evening.officer, evening.second
    shown = await focal.say(focal.word("alert"), FOCAL_POINTS)
    answers = ("Someone was arrested", "moderate", "Be careful and watch for the next message.", "6 hours")
    await focal.choose_all(shown, *answers, room=FOCAL_POINTS)
    preview = await focal.say(focal.digit(0), FOCAL_POINTS)
    stopped = await focal.choose(preview, "No", FOCAL_POINTS)
    assert pattern("Stopped. Nothing was done.", "lo").search(stopped.body)

    preview = await focal.say(f"alert raid LA moderate avoid 6h {ADDED}", FOCAL_POINTS)
    assert ADDED in preview.body
    await focal.choose(preview, "Yes", FOCAL_POINTS)
    asked = await officer.told(STAND, room=SECURITY)
    assert ADDED in asked.body
    assert asked.clean
    assert all(pattern(YELLOW, language).search(asked.body) for language in LANGUAGES), "in every language"
    counted = await officer.say(officer.digit(code(asked)), SECURITY)
    assert reads(counted.body, COUNTED)
    done = await second.say(second.digit(code(asked)), SECURITY)
    assert reads(done.body, DONE)
    alert = await focal.told(room=f"alert:{focal.area}")
    assert alert.clean
    assert pattern(YELLOW, "lo").search(alert.body.partition("———")[0])
    assert ADDED in alert.body


async def test_a_partners_alert_waits_for_two_and_reaches_each_in_their_language(evening):
    """It is held until both officers stand behind it; then every alert room has it, ringing."""
    officer, second, network = evening.officer, evening.second, evening.network
    before = (await officer.element.timeline(officer.rooms[SECURITY]))[-1]
    held = await network.alert(await network.enrol("relay-1"), *AREAS, headline=HEADLINE)
    assert held["state"] == "held"
    asked = await officer.told(STAND, room=SECURITY, since=before.event_id)
    assert HEADLINE in asked.body
    for person, said in ((second, COUNTED), (officer, DONE)):
        await person.say(person.digit(code(asked)), SECURITY, expects=said)
    for person in evening.people.values():
        alert = await person.told(ORANGE, room=f"alert:{person.area}")
        assert alert.clean
        assert alert.msgtype == "m.text"
        assert alert.content["m.mentions"] == {"room": True}
        assert pattern(ORANGE, person.guided_in).search(alert.body.partition("———")[0])
        assert HEADLINE in alert.body


async def test_everybody_is_asked_whether_they_are_safe(evening):
    """One answers by a Burmese digit, one by a word, one by a tap; staff hear at once who needs help."""
    alumna, focal, seized, officer = evening.alumna, evening.focal, evening.seized, evening.officer
    for person in evening.people.values():
        question = await person.told("Are you safe?", types=(POLL,))
        assert question.clean
        assert pattern("Are you safe?", person.language).search(question.body)
    asked = {person.name: await person.told(HOW) for person in evening.people.values()}
    thanked = await alumna.choose(asked[alumna.name], "I need help")
    assert pattern("The security staff know now that you need help", "my").search(thanked.body)
    alarmed = await officer.told("🔴 {who} ({area}) needs help.", room=SECURITY)
    assert alumna.name in alarmed.body
    await seized.say(seized.word("safe"), expects=GLAD)
    await focal.tap(await focal.told("Are you safe?", types=(POLL,)), "I am safe", expects=GLAD)
    counts = await officer.say(officer.word("answers"), SECURITY, expects="They need help: {names}")
    assert "2 safe, 1 need help, 0 cannot talk, 2 without an answer" in counts.body
    assert f"They need help: {alumna.name}" in counts.body


async def test_a_gathering_is_announced_step_by_step(evening):
    """An officer answers numbered questions; every guide room has it in its language, by its own clock."""
    officer = evening.officer
    await officer.say(officer.word("gathering"))
    await officer.say(TITLE)
    areas = await officer.say("in 2 hours")
    reminders = await officer.choose(areas, "everywhere")
    preview = await officer.choose(reminders, "1 hour before")
    assert TITLE in preview.body
    await officer.choose(preview, "Yes")
    offsets = {"MM": "06:30", "LA": "07:00", "VN": "07:00", "KH": "07:00", "TH": "07:00"}
    for person in evening.people.values():
        post = await person.told(room=f"guide:{person.area}")
        assert post.clean
        assert TITLE in post.body
        ours = post.body.partition("———")[0]
        starts = pattern("When: {starts}", person.guided_in).search(ours)
        assert starts
        assert offsets[person.area[:2]] in ours


async def test_who_comes_is_said_by_a_tap_or_by_digits(evening):
    """Two tap a reaction in their guide room; one asks the desk, whom nobody else sees answer."""
    for person, key in ((evening.alumna, "👍"), (evening.focal, "🤔")):
        guide = f"guide:{person.area}"
        post = await person.told(room=guide)
        await person.element.react(person.rooms[guide], post.event_id, key)
    seized = evening.seized
    listed = await seized.say(seized.word("gatherings"))
    assert TITLE in listed.body
    asked = await seized.say(seized.digit(1))
    await seized.choose(asked, COMES)
    await until(lambda: evening.count("SELECT count(*) FROM rsvps") == 3)


async def test_a_conversation_goes_on_after_everything_was_killed(evening):
    """A digit that was on its way when everything died is answered once; what came due is said once.

    The reminder's moment is moved in the books while nobody runs: it is due when they come back.
    """
    alumna, second = evening.alumna, evening.second
    chat = alumna.rooms["chat"]
    step = await second.choose(await second.say(second.word("start")), ENDONYMS["th"])
    await alumna.say(alumna.word("gatherings"))
    digit = await alumna.element.send(chat, alumna.digit(1))
    await evening.network.kill()
    assert evening.change("UPDATE gatherings SET remind = ?", moment(datetime.now(UTC))) == 1
    await evening.back()
    asked = await alumna.told(COMES, since=digit)
    for person in (alumna, evening.focal, evening.seized):
        reminder = await person.told(REMINDER)
        assert reminder.clean
        assert TITLE in reminder.body
        assert pattern(REMINDER, person.language).search(reminder.body)
    noted = await alumna.choose(asked, IN_DOUBT)
    assert pattern("Step 3 of 5", "th").search((await second.choose(step, "Done")).body)
    desk = evening.network.account("desk")
    since = await alumna.element.timeline(chat, since=digit)
    said = [event.body for event in since if event.sender == desk and event.type in (MESSAGE, POLL)]
    assert sorted(said) == sorted([asked.body, noted.body, (await alumna.told(REMINDER)).body])


async def test_a_phone_that_was_taken_is_worth_nothing(evening):
    """One word: the session ends, every room is left, and what others say from then on stays unread."""
    officer, seized, alumna = evening.officer, evening.seized, evening.alumna
    theme = alumna.rooms[THEME_ROOM]
    before = await alumna.element.send(theme, "Shall we meet at the usual place?")
    assert (await seized.element.wait_message(theme, contains="usual place")).clean

    freezing = "I am ending all access of {name} now, and tell you when it is done."
    ending = await officer.say(f"{officer.word('freeze')} {seized.name}", SECURITY, expects=freezing)
    assert ending.clean
    ended = await officer.told("All access of {name} is ended:", room=SECURITY)
    assert ended.clean
    assert ended.body.count("after") == 5, "a step is missing"
    await seized.element.wait_logged_out()
    assert await evening.network.refuses(seized.element.access_token) == (401, "M_UNKNOWN_TOKEN", False)
    assert seized.element.user_id not in await alumna.element.members(theme)

    await alumna.element.wait_membership(theme, "leave", seized.element.user_id)  # as her app sees it
    after = await alumna.element.send(theme, "Not there. I will tell you where.")
    sent = {event.event_id: event for event in await alumna.element.timeline(theme)}
    assert sent[before].session != sent[after].session
    assert (await seized.element.read_wire(sent[before])).body
    lost = await seized.element.read_wire(sent[after])
    assert (lost.body, lost.failure) == (None, "MEGOLM_UNKNOWN_INBOUND_SESSION_ID")


async def test_nothing_came_with_a_warning(evening):
    """In both isolation modes every message is read without a shield, by everybody, in every room."""
    read = 0
    for person in evening.people.values():
        for strict in (False, True):
            await person.element.mode(strict=strict)
            for room in person.rooms.values():
                events = await person.element.timeline(room)
                since = [each for each in events if each.at >= person.here_since]
                said = [each for each in since if each.type not in ("m.reaction", "m.room.redaction")]
                assert [each for each in said if not each.clean] == []
                read += len(said)
    assert read > 2 * 5 * 3


async def test_nothing_that_rings_came_twice(evening):
    """Although everything was killed in between: no welcome, alert, request or reminder is doubled."""
    ours = {evening.network.account(name) for name in SPEAKERS}
    for person in evening.people.values():
        for room in person.rooms.values():
            events = [each for each in await person.element.timeline(room) if each.sender in ours]
            rang = [each.body for each in events if each.msgtype == "m.text" or each.type == POLL]
            assert sorted(rang) == sorted(set(rang))


async def test_the_transcript_can_be_read(evening):
    """It is short enough, and shows nobody's id; with BANYAN_WRITE_TRANSCRIPT=1 it goes into `docs/`."""
    page = await transcript(evening)
    assert page.count("\n") < LONGEST_PAGE
    assert not re.search(r"[@!$][\w-]+:[\w.]+", page)
    for person in evening.people.values():
        assert page.count(person.name) > 1
    if os.environ.get("BANYAN_WRITE_TRANSCRIPT") == "1":
        PAGE.write_text(page, encoding="utf-8")


async def test_what_an_unlocked_phone_shows(evening):
    """The alumna's list: her own country, a theme and the desk; within the limits of the network file."""
    alumna = evening.alumna
    space = next(area.code_name for area in DECLARED.areas if area.key == alumna.area)
    listed = [room for room in await alumna.element.rooms() if room.membership == "join"]
    own = {space, *(f"{space} {word}" for word in ("shade", "path", "rain")), "Basalt"}
    (chat,) = [room for room in listed if room.name not in own]
    assert chat.room_id == alumna.rooms["chat"]
    assert len(listed) == len(own) + 1 <= DECLARED.limits.rooms_per_member

    accounts = {evening.network.account(name) for name in (*SPEAKERS, "warden", "keeper", "registrar")}
    seen = set()
    for room in listed:
        seen |= await alumna.element.members(room.room_id)
    others = seen - accounts - {alumna.element.user_id}
    expected = {p.element.user_id for p in evening.people.values()} - {alumna.element.user_id}
    assert others == expected - {evening.seized.element.user_id}, "all of them by the theme they share"
    assert len(others) <= DECLARED.limits.visible_members


async def test_a_day_later_the_chats_are_empty(evening):
    """What either side said in a chat with the desk is gone: from the open app, and for who logs in anew."""
    await evening.network.stop()
    due = "UPDATE outbox SET not_before = ? WHERE kind = 'redact' AND state = 'queued'"
    assert evening.change(due, moment(datetime.now(UTC))) > 10
    await evening.back()
    await until(lambda: evening.count(REDACTIONS_AHEAD) == 0, within=180)
    alumna = evening.alumna
    url = evening.network.run.homeserver_url
    anew = await evening.node.login(url, alumna.element.user_id, PASSPHRASE, strict=True)
    chat = alumna.rooms["chat"]
    left = [event for event in await anew.history(chat) if "state_key" not in event]
    assert [event["type"] for event in left if not redacted(event) and not redaction(event)] == []
    assert sum(map(redacted, left)) > 5
    await alumna.element.wait_emptied(chat)


REDACTIONS_AHEAD = "SELECT count(*) FROM outbox WHERE kind = 'redact' AND state = 'queued'"


def redacted(event: dict) -> bool:
    """Whether only the husk of an event is left."""
    return event["content"] == {} and "redacted_because" in event["unsigned"]


def redaction(event: dict) -> bool:
    """Whether an event does nothing but empty another, and says no reason."""
    return event["type"] == "m.room.redaction" and event["content"].keys() <= {"redacts"}
