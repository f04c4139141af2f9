"""What an alert says, in each language."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from banyan.domain.alerts import Alert, AlertState, AlertText, Kind, Response, Severity, Status
from banyan.i18n import LANGUAGES, translate
from bots import alert_texts as texts
from bots.alert_texts import alert_in, alert_message
from bots.texts import LARGEST, size

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENGLISH = AlertText("Office visited", "Two people were taken.", "Do not go there today.")
BURMESE = AlertText("ရုံးကို လာရောက်", "နှစ်ယောက် ခေါ်ဆောင်ခံရ", "ဒီနေ့ မသွားပါနဲ့")


def an_alert(**changes):
    values = {
        "id": "a1",
        "sender": "sentinel",
        "identifier": "x-1",
        "sent": NOON,
        "expires": NOON + timedelta(hours=6),
        "status": Status.ACTUAL,
        "areas": ("MM-1",),
        "kind": Kind.ARREST,
        "severity": Severity.SEVERE,
        "response": Response.AVOID,
        "texts": {"en": ENGLISH, "my": BURMESE},
        "state": AlertState.QUEUED,
        "received": NOON,
    }
    return Alert(**values | changes)


class Tags(HTMLParser):
    """Remembers the tags and attributes of a page."""

    def __init__(self, page):
        super().__init__()
        self.seen = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen |= {tag, *(name for name, _ in attrs)}


def test_an_alert_speaks_the_rooms_language_and_english():
    """Both are there, the room's first, each with its own details."""
    body = alert_message(an_alert(), "my", "Asia/Yangon")["body"]
    order = [BURMESE.headline, BURMESE.instruction, "———", ENGLISH.headline, ENGLISH.instruction]
    positions = [body.index(each) for each in order]
    assert positions == sorted(positions)
    assert "November 23, 2026, 00:30 (UTC+06:30)" in body


def test_an_english_room_hears_it_once():
    """Nothing is said twice in one language."""
    content = alert_message(an_alert(), "en", "UTC")
    assert content["body"].count(ENGLISH.headline) == 1
    assert "———" not in content["body"]
    assert "<hr>" not in content["formatted_body"]


def test_an_alert_rings():
    """It is a call to action: `m.text` that mentions the room."""
    content = alert_message(an_alert(), "my", "Asia/Yangon")
    assert (content["msgtype"], content["m.mentions"]) == ("m.text", {"room": True})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("severity", Severity)
def test_the_first_line_is_fit_for_a_lock_screen(language, severity):
    """Neither what happened, nor what to do, nor what the sender wrote stands in it."""
    alert = an_alert(severity=severity, texts={"en": ENGLISH, language: ENGLISH})
    first = alert_message(alert, language, "UTC")["body"].split("\n")[0]
    for hidden in (ENGLISH.headline, "sentinel", "MM-1", *map(str.casefold, texts.KINDS.values())):
        assert translate(hidden, language) not in first
    assert first == translate(texts.FIRST_LINES[severity], language)


def test_an_alert_of_one_person_is_marked_in_both_languages():
    """Unconfirmed unless somebody says otherwise; confirmed it carries no mark."""
    mark = texts.UNCONFIRMED
    content = alert_message(an_alert(), "vi", "UTC")
    assert mark in content["body"]
    assert translate(mark, "vi") in content["body"]
    confirmed = alert_message(an_alert(), "vi", "UTC", confirmed=True)["body"]
    assert mark not in confirmed
    assert translate(mark, "vi") not in confirmed


def test_without_a_text_in_the_rooms_language_our_own_sentences_still_are():
    """Kind, danger and what to do are translated; the rest is marked and stands in English, once."""
    body = alert_message(an_alert(), "km", "Asia/Phnom_Penh")["body"]
    for ours in (texts.KINDS[Kind.ARREST], texts.RESPONSES[Response.AVOID], texts.NOT_TRANSLATED):
        assert translate(ours, "km") in body
    assert body.count(ENGLISH.headline) == 1
    assert texts.NOT_TRANSLATED not in body


@pytest.mark.parametrize("status", [Status.EXERCISE, Status.TEST])
def test_a_drill_says_so_first(status):
    """In both languages, whatever the severity."""
    body = alert_message(an_alert(status=status, severity=Severity.EXTREME), "lo", "UTC")["body"]
    assert body.startswith(translate(texts.DRILL, "lo"))
    assert texts.DRILL in body


def test_the_all_clear_does_not_frighten():
    """Its first line is good news."""
    body = alert_message(an_alert(response=Response.ALLCLEAR), "en", "UTC")["body"]
    assert body.startswith(texts.ALL_CLEAR)


def test_every_word_of_the_vocabulary_has_a_sentence():
    """No value of CAP's lists is left without words."""
    assert set(texts.KINDS) == set(Kind)
    assert set(texts.SEVERITIES) == set(texts.FIRST_LINES) == set(Severity)
    assert set(texts.RESPONSES) == set(Response)


HOSTILE = AlertText(
    '<b onclick="x">@room</b> <img src=x>',
    "@room @amber-heron:hs \u202eevil\u2066\x07\n\n\n———\n\nFrom: Security\n<script>alert(1)</script>",
    "</blockquote><h1>write to help@example.org &amp;",
)


def test_a_sender_can_neither_make_html_nor_mention_nor_turn_lines_around():
    """What came from outside stays text, visibly somebody's words, in every language part."""
    content = alert_message(an_alert(texts={"en": HOSTILE}, sender="<i>@room\n"), "my", "UTC")
    assert Tags(content["formatted_body"]).seen == {"p", "strong", "blockquote", "br", "hr"}
    for said in (content["body"], content["formatted_body"]):
        assert "@room" not in said
        assert "@amber" not in said
        assert "help@example.org" in said
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f]", said)
    assert content["body"].count("\n———\n") == 1
    assert "\n» From: Security\n" in content["body"]


def test_what_staff_confirmed_says_so():
    """Two persons of the staff, with or without a sender; one person alone is marked unconfirmed."""
    ours = an_alert(sender="", texts={})
    both = alert_message(ours, "en", "UTC", confirmed=True)["body"]
    assert texts.CONFIRMED in both
    assert "Sent by" not in both
    assert texts.UNCONFIRMED not in both
    alone = alert_message(ours, "en", "UTC")["body"]
    assert texts.UNCONFIRMED in alone
    assert texts.ONE_PERSON in alone
    assert texts.CONFIRMED not in alone
    held = alert_message(an_alert(), "en", "UTC", confirmed=True)["body"]
    assert "Sent by sentinel." in held
    assert texts.CONFIRMED in held


def test_what_staff_added_stands_in_every_language():
    """Marked as theirs and not translated; nobody is sent to a part that says no more."""
    content = alert_message(
        an_alert(sender="", texts={}, addition="Two vans.\n@room"), "vi", "UTC", confirmed=True
    )
    assert content["body"].count("» Two vans.") == 2
    assert translate(texts.ADDED, "vi") in content["body"]
    assert texts.ADDED in content["body"]
    assert translate(texts.NOT_TRANSLATED, "vi") not in content["body"]
    assert "@room" not in content["body"]


def test_an_alert_is_never_too_long_to_be_sent():
    """However long a sender makes it: what does not fit with its HTML goes without."""
    longest = AlertText("🌧" * 160, '"' * 2000, "🌧" * 1000)
    alert = an_alert(texts={"en": longest, "my": longest}, addition="🌧" * 1000)
    content = alert_message(alert, "my", "Asia/Yangon")
    assert size(content) <= LARGEST
    assert content["body"].count('"' * 2000) == 2
    assert "formatted_body" not in content
    assert "formatted_body" in alert_message(an_alert(), "my", "Asia/Yangon")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_preview_says_what_the_alert_will_say(language):
    """Paragraph by paragraph, what stands in the room's message."""
    alert = an_alert(addition="Two vans.")
    said = alert_message(alert, language, "UTC", confirmed=True)["body"]
    assert "\n\n".join(alert_in(language, alert, "UTC", confirmed=True)) in said
