"""When something is: whatever the script, the order and the words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from banyan.errors import Refusal
from banyan.i18n import LANGUAGES, Text, locale_of, render
from bots import times
from bots.times import EXAMPLES, read_when

ZONE = "Asia/Phnom_Penh"
HERE = ZoneInfo(ZONE)
NOW = datetime(2026, 11, 22, 19, 0, 40, tzinfo=HERE)
"""A Sunday evening."""

DIGITS = {
    "latin": "0123456789",
    "my": "၀၁၂၃၄၅၆၇၈၉",
    "km": "០១២៣៤៥៦៧៨៩",
    "lo": "໐໑໒໓໔໕໖໗໘໙",
    "th": "๐๑๒๓๔๕๖๗๘๙",
}


def read(text, now=NOW, zone=ZONE):
    """As a clock on the wall there shows it: `2026-11-24 19:00`."""
    return read_when(text, now=now, zone=zone).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24 19:00", "2026-11-24 19:00"),
        ("2026-11-24T19:00", "2026-11-24 19:00"),
        ("24.11.2026 19:00", "2026-11-24 19:00"),
        ("24/11/2026, 9:05", "2026-11-24 09:05"),
        ("24/11 19:00", "2026-11-24 19:00"),
        ("21/11 19:00", "2027-11-21 19:00"),
        ("19:30 24/11", "2026-11-24 19:30"),
        ("24/11/2569 19:00", "2026-11-24 19:00"),
        ("24/11/2569 19.00 น.", "2026-11-24 19:00"),
        ("၂၄/၁၁ ၁၉:၃၁", "2026-11-24 19:31"),
        ("2026年11月24日19点30分", "2026-11-24 19:30"),
        ("11月24日 19\uff1a00", "2026-11-24 19:00"),
        ("29/2/2028 10:00", "2028-02-29 10:00"),
        ("19:00", "2026-11-23 19:00"),
        ("19:01", "2026-11-22 19:01"),
        ("19.30", "2026-11-22 19:30"),
        ("19h30", "2026-11-22 19:30"),
        ("20 giờ", "2026-11-22 20:00"),
        ("today 19:00", "2026-11-22 19:00"),
        ("Tomorrow  19:00", "2026-11-23 19:00"),
        ("19:00 tomorrow", "2026-11-23 19:00"),
        ("fri 19:00", "2026-11-27 19:00"),
        ("Friday, 19:00", "2026-11-27 19:00"),
        ("sun 20:00", "2026-11-22 20:00"),
        ("sun 19:00", "2026-11-29 19:00"),
        ("thứ sáu 19:00", "2026-11-27 19:00"),
        ("thu\u031b\u0301 sa\u0301u 19:00", "2026-11-27 19:00"),
        ("thu sau 19:00", "2026-11-27 19:00"),
        ("Thứ 6 19:00", "2026-11-27 19:00"),
        ("周五19:00", "2026-11-27 19:00"),
        ("星期天 20:00", "2026-11-22 20:00"),
        ("lun. 8h", "2026-11-23 08:00"),
        ("in 2 hours", "2026-11-22 21:00"),
        ("IN 1 HOUR", "2026-11-22 20:00"),
        ("in 30 minutes", "2026-11-22 19:30"),
        ("in ၃၀ min", "2026-11-22 19:30"),
    ],
)
def test_as_people_type_it(typed, meant):
    """Dates, days in words, times alone, spans: the next such moment where the day was left open."""
    assert read(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "soon",
        "19",
        "24:00",
        "19:60",
        "12.11",
        "24/11",
        "24/119:00",
        "31/2/2026 19:00",
        "29/2 19:00",
        "11/24 19:00",
        "0000-01-01 19:00",
        "9999-12-31 19:00",
        "2026-11-24 19:00Z",
        "24.11.26 19:00",
        "in 0 hours",
        "in 99999 hours",
        "yesterday 19:00",
        "1" * 65536,
        "tomorrow 19:00 " + "\u200b" * 65536,
    ],
    ids=lambda typed: typed[:20],
)
def test_what_means_nothing_is_refused_with_examples(typed):
    """The examples are of the asker's own calendar, and can be typed as they stand."""
    with pytest.raises(Refusal) as refused:
        read(typed)
    assert "2026-11-29 19:00" in str(refused.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_examples_are_understood(language):
    """Whoever types what we suggest in their language gets the moment it says."""
    examples = render(Text(EXAMPLES, date="2026-11-29"), language).replace("；", ";").split(";")  # noqa: RUF001
    assert [read(each) for each in examples] == ["2026-11-29 19:00", "2026-11-23 19:00", "2026-11-22 21:00"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_the_week_has_its_name(language):
    """As the reader's locale writes it, spaced or not, cut short or not."""
    for width in ("wide", "abbreviated"):
        for number, name in Locale.parse(locale_of(language)).days["format"][width].items():
            for typed in (f"{name} 18:00", f"18:00 {name.upper()}", f"\u200b{name.replace(' ', '')} 18:00"):
                moment = read_when(typed, now=NOW, zone=ZONE).astimezone(HERE)
                assert moment.weekday() == number
                assert timedelta() < moment - NOW <= timedelta(days=7)


def test_no_name_stands_for_two_days():
    """Of all languages together: none had to be left out."""
    assert {key for _, name in times._named_days() for key in times._keys(name)} == times._weekdays().keys()


def test_words_of_the_catalogs(monkeypatch):
    """A translation may put the number anywhere, write it without spaces, and name alternatives."""
    catalog = {
        times.TOMORROW: "ngày mai, mai",
        times.IN_HOURS: "{number} giờ nữa",
        times.IN_MINUTES: "ອີກ {number} ນາທີ",
    }
    monkeypatch.setattr(times, "translate", lambda message, _: catalog.get(message, message))
    for each in (times._words, times._spans):
        each.cache_clear()
    try:
        assert read("mai 19:00") == read("ngay mai 19h") == "2026-11-23 19:00"
        assert read("2 giờ nữa") == "2026-11-22 21:00"
        assert read("ອີກ໓໐ນາທີ") == "2026-11-22 19:30"
    finally:
        for each in (times._words, times._spans):
            each.cache_clear()


def test_a_time_that_the_clock_skips_or_shows_twice():
    """Skipped: what the clock shows right after. Twice: the first. Neither is lost nor an error."""
    spring = datetime(2027, 3, 1, tzinfo=UTC)
    assert read("2027-03-28 02:30", spring, "Europe/Berlin") == "2027-03-28 03:30"
    twice = read_when("2027-10-31 02:30", now=spring, zone="Europe/Berlin")
    assert twice == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_a_day_is_the_day_of_the_one_who_asks():
    """Late in the evening in London it is tomorrow in Yangon already."""
    late = datetime(2026, 11, 22, 20, tzinfo=UTC)
    assert read("today 19:00", late, "Asia/Yangon") == "2026-11-23 19:00"


moments = st.integers(1, 365 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
forms = st.sampled_from(
    ["{d:%Y-%m-%d} {t}", "{d:%d.%m.%Y} {t}", "{t} {d:%d/%m/%Y}", "{d:%d/%m} {t}", "{d:%d/%m}/{be} {t}"]
)


@given(moments, forms, st.sampled_from(list(DIGITS.values())))
def test_what_is_written_is_read_back(moment, form, digits):
    """Any minute of the coming year, in each form, in the digits of each script."""
    typed = form.format(d=moment, t=f"{moment:%H:%M}", be=moment.year + 543)
    typed = typed.translate(str.maketrans(DIGITS["latin"], digits))
    assert read(typed) == f"{moment:%Y-%m-%d %H:%M}"


@given(st.text(max_size=120) | st.text("0123456789:./- hT年月日点", max_size=25))
def test_anything_else_is_refused_politely(typed):
    """No text makes it fail otherwise, and what is read is a moment in UTC."""
    try:
        moment = read_when(typed, now=NOW, zone=ZONE)
    except Refusal:
        return
    assert moment.utcoffset() == timedelta()
