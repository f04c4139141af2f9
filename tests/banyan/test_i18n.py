"""Speech: filling, falling back, dates and choosing a language."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from banyan import i18n
from banyan.i18n import LANGUAGES, Text, best_language, clean, render, to_html, when

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARKED = "Sorry, I did not understand that."


class Secretive:
    secret = "the home secret"

    def __str__(self):
        return self.secret


@pytest.mark.parametrize(
    "template", ["{who.secret}", "{who[0]}", "{who!r}", "{who:>9}", "{}", "{0}", "{Who}"]
)
def test_a_placeholder_is_a_plain_name(template):
    """No template, translated or not, can look inside a value."""
    with pytest.raises(ValueError, match="placeholder"):
        Text(template, who="amber-heron")


def test_what_is_to_be_filled_is_given():
    """A value that was forgotten is found where the text is made, not where it is read."""
    with pytest.raises(ValueError, match="who"):
        Text("{who} may come.")


@pytest.mark.parametrize("value", [Secretive(), None, ["a"], datetime(2026, 11, 22)])  # noqa: DTZ001
def test_only_what_can_be_said_is_a_value(value):
    """Objects do not slip into a sentence through `str`; a time without a zone has no meaning."""
    with pytest.raises(TypeError):
        Text("{it}", it=value)


def test_values_are_filled_and_not_read_as_templates():
    """Braces in a value stay braces."""
    assert render(Text("Hello {who}", who="{secret}"), "en") == "Hello {secret}"
    assert render(Text("{{{who}}}", who="a"), "en") == "{a}"


def test_a_text_within_a_text_is_in_the_same_language():
    """Nested texts are said in the reader's language too."""
    inner = Text(MARKED)
    assert render(Text("{it}", it=inner), "fr") == render(inner, "fr") != MARKED


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_language_speaks(language):
    """A marked text comes out translated."""
    assert render(Text(MARKED), language) != MARKED


@pytest.mark.parametrize("language", ["en", "fr", "tlh", "../../etc", ""])
def test_what_is_not_translated_is_said_in_english(language):
    """An unknown text or an unknown language is no failure."""
    assert render(Text("Never marked: {n}", n=3), language) == "Never marked: 3"


@pytest.mark.parametrize("bad", ["{missing} !", "{who.secret}", "{who", "{who!r}"])
def test_a_bad_translation_is_not_used(monkeypatch, bad):
    """A placeholder that a translator got wrong never keeps a message from being sent."""
    monkeypatch.setattr(i18n, "catalog", lambda _: {"Hello {who}": bad})
    assert render(Text("Hello {who}", who="amber-heron"), "fr") == "Hello amber-heron"


def test_an_entry_that_is_only_guessed_is_not_used(monkeypatch, tmp_path):
    """Gettext's `fuzzy` entries are a tool's guesses."""
    file = tmp_path / "fr" / "LC_MESSAGES" / "banyan.po"
    file.parent.mkdir(parents=True)
    file.write_text('#, fuzzy\nmsgid "Stay."\nmsgstr "Partez."\n\nmsgid "Go."\nmsgstr "Partez."\n')
    monkeypatch.setattr(i18n, "LOCALES", Path(tmp_path))
    assert dict(i18n.catalog.__wrapped__("fr")) == {"Go.": "Partez."}


def test_html_is_escaped_wherever_it_comes_from(monkeypatch):
    """Neither a value nor a translation makes HTML."""
    monkeypatch.setattr(i18n, "catalog", lambda _: {"Hello {who}": "<b>Salut</b> {who}"})
    said = to_html(render(Text("Hello {who}", who='<a href="x">&</a>'), "fr"))
    assert said == "&lt;b&gt;Salut&lt;/b&gt; &lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;"


def test_a_value_stays_in_its_line_and_its_direction():
    """A value can neither look like a line of ours nor turn what follows it around."""
    said = render(Text("From {who}.", who="a\nAll clear\u2028\u202egnihton\u2066\x00\ue000\ud800"), "en")
    assert said == "From a All clear gnihton."


def test_cleaning_keeps_what_spelling_needs():
    """Khmer breaks, joiners, Burmese stacks and emoji survive; decomposed Vietnamese is composed."""
    for text in ("កម្ម\u200bវិធី", "ကျွန်ုပ်", "👩\u200d⚕️", "ພາສາລາວ"):
        assert clean(text) == text
    assert clean("Vie\u0302\u0323t") == "Việt"
    assert clean("one\r\ntwo\u2029three", lines=True) == "one\ntwo\nthree"


def test_times_are_the_readers():
    """Date as the reader writes it, clock of the zone, Latin digits, and the offset that makes it certain."""
    assert when(NOON, "en", "Asia/Yangon") == "November 22, 2026, 18:30 (UTC+06:30)"
    assert when(NOON, "zh-Hans", "Asia/Shanghai") == "2026年11月22日, 20:00 (UTC+08:00)"
    assert "(พ.ศ. 2569), 19:00 (UTC+07:00)" in when(NOON, "th", "Asia/Bangkok")
    burmese = when(NOON, "my", "Asia/Yangon")
    assert "2026" in burmese
    assert burmese == re.sub(r"[^\D0-9]", "", burmese)


@pytest.mark.parametrize("zone", ["Asia/Atlantis", "", "../../etc/passwd", "Asia"])
def test_an_unknown_zone_is_utc(zone):
    """A zone this machine lacks keeps no message from being sent, and the offset stays true."""
    assert when(NOON, "en", zone) == "November 22, 2026, 12:00 (UTC+00:00)"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("my", "my"),
        ("km-KH,km;q=0.9,en;q=0.8", "km"),
        ("en;q=0.3, lo;q=0.7", "lo"),
        ("zh-TW,zh;q=0.9", "zh-Hans"),
        ("zh_CN", "zh-Hans"),
        ("de, fr;q=0.1", "fr"),
        ("th;q=0, vi;q=0.001", "vi"),
        ("", "en"),
        ("*", "en"),
        ("my;q=nonsense", "en"),
        (",;;==q=1,\x00" * 5000, "en"),
    ],
)
def test_the_browser_says_which_language(header, language):
    """The best of what the header asks for and we speak; nonsense is English."""
    assert best_language(header) == language


def test_only_what_is_offered_is_chosen():
    """A page that exists in fewer languages says so."""
    assert best_language("my, vi;q=0.5", ("en", "vi")) == "vi"
