"""When something is, as people type it: in any script's digits, in words of any of our languages."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale

from banyan.errors import Refusal
from banyan.i18n import LANGUAGES, N_, Text, locale_of, translate
from bots.words import latin_digits, plain

TODAY = N_("today")
TOMORROW = N_("tomorrow")
IN_MINUTES = N_("in {number} minutes, in {number} minute, in {number} min")
IN_HOURS = N_("in {number} hours, in {number} hour, in {number} h")
"""Everything people may type for these: alternatives with a comma between them, in every catalog."""

EXAMPLES = N_("{date} 19:00; tomorrow 19:00; in 2 hours")
"""Translations have to be understood by us: a test reads what stands between the semicolons."""

WEEKDAYS_TOO = (
    "thứ 2, 礼拜一",
    "thứ 3, 礼拜二, tues",
    "thứ 4, 礼拜三",
    "thứ 5, 礼拜四, thur, thurs",
    "thứ 6, 礼拜五",
    "thứ 7, 礼拜六",
    "礼拜日, 礼拜天, 星期天, 周天",
)
"""Names of the days that people type and no locale lists. Monday first."""

LONGEST = 100
"""Characters; nobody needs more to say when."""

_CLOCK = r"(?:h|giờ|gio|点|點|時|时)"
_TIME = (
    rf"(?<!\d)(?P<hour>\d{{1,2}}) ?(?:(?P<sign>[:.]|{_CLOCK}) ?(?P<minute>\d{{2}})|{_CLOCK})(?!\d)"
    r"(?: ?(?:分|น\.?))?"
)
_TIME_LAST = re.compile(rf"(?P<day>.*?)[ ,]*{_TIME}")
_TIME_FIRST = re.compile(rf"{_TIME}[ ,]*(?P<day>.*)")

_DATES = (
    re.compile(r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})[日号]?"),
    re.compile(r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})(?:[-/.](?P<year>\d{4}))?"),
    re.compile(r"(?P<year>\d{4})?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]?"),
)
_MONTHS = range(1, 13)
_BUDDHIST_ERA = 543
_BUDDHIST_YEARS = range(2400, 2800)
_YEARS = range(1900, 2400)


def read_when(text: str, *, now: datetime, zone: str) -> datetime:
    """Return the moment, aware and in UTC, that somebody in `zone` (IANA name) means at `now` (aware).

    A date and a time in either order (`2026-11-24 19:00`, `24.11.2026 19:00`, `24/11 19:00`), a day in words
    (`tomorrow 19:00`, `fri 19:00`), a time alone (the next such one), or `in 2 hours`. Days come before
    months, years of the Buddhist era are known. A time that a clock skips is what it shows right after; one
    that it shows twice is the first. The moment may have passed where that was said. Raise `Refusal`.
    """
    here = now.astimezone(ZoneInfo(zone))
    if len(text) <= LONGEST:
        typed = _bare(text)
        if span := _span(typed):
            return now.astimezone(UTC).replace(second=0, microsecond=0) + span
        for day, at in _splits(typed):
            if found := _earliest(_days(day, here.date()), at, here):
                return found
    raise Refusal(
        N_("I did not understand when that is. Write it like one of these: {examples}"),
        examples=Text(EXAMPLES, date=(here.date() + timedelta(days=7)).isoformat()),
    )


def _earliest(days: Iterator[date], at: time, here: datetime) -> datetime | None:
    """Return the first of these days on which that time is still to come; else the last; None without any."""
    moment = None
    for day in days:
        moment = datetime.combine(day, at, here.tzinfo).astimezone(UTC)
        if moment > here:
            break
    return moment


def _splits(typed: str) -> Iterator[tuple[str, time]]:
    """Day and time, in whichever order they may have been written. `12.11` may be a day: it is no time."""
    for form in (_TIME_LAST, _TIME_FIRST):
        if found := form.fullmatch(typed):
            hour, minute = int(found["hour"]), int(found["minute"] or 0)
            date_alone = found["sign"] == "." and not found["day"] and minute in _MONTHS
            if hour < 24 and minute < 60 and not date_alone:  # noqa: PLR2004 - a clock
                yield found["day"], time(hour, minute)


def _days(typed: str, today: date) -> Iterator[date]:
    """The days that may be meant, the next one first."""
    key = _key(typed)
    if not key:
        yield from (today, today + timedelta(days=1))
    elif key in _words(TODAY):
        yield today
    elif key in _words(TOMORROW):
        yield today + timedelta(days=1)
    elif (weekday := _weekdays().get(key)) is not None:
        next_one = today + timedelta(days=(weekday - today.weekday()) % 7)
        yield from (next_one, next_one + timedelta(days=7))
    else:
        yield from _dates(typed.replace(" ", ""), today)


def _dates(typed: str, today: date) -> Iterator[date]:
    for form in _DATES:
        found = form.fullmatch(typed)
        if not found:
            continue
        years = [_common_era(int(found["year"]))] if found["year"] else [today.year, today.year + 1]
        for year in years:
            try:
                if year in _YEARS:
                    yield date(year, int(found["month"]), int(found["day"]))
            except ValueError:  # no such day that year
                continue


def _common_era(year: int) -> int:
    return year - _BUDDHIST_ERA if year in _BUDDHIST_YEARS else year


def _span(typed: str) -> timedelta | None:
    """How long from now, where that is what was typed."""
    for template, unit in ((IN_MINUTES, timedelta(minutes=1)), (IN_HOURS, timedelta(hours=1))):
        for form in _spans(template):
            if found := form.fullmatch(_key(typed)):
                return int(found[1]) * unit
    return None


@cache
def _spans(template: str) -> tuple[re.Pattern[str], ...]:
    cut = (words.split("{number}") for words in sorted(_words(template)))
    return tuple(
        re.compile(rf"{re.escape(ends[0])}(\d{{1,4}}){re.escape(ends[1])}")
        for ends in cut
        if len(ends) == 2  # noqa: PLR2004
    )


@cache
def _words(template: str) -> frozenset[str]:
    """Keys of the alternatives of a marked text in every language, with and without accents."""
    said = (word for tag in LANGUAGES for word in translate(template, tag).split(","))
    return frozenset(key for word in said for key in _keys(word))


@cache
def _weekdays() -> Mapping[str, int]:
    """Key → day of the week, Monday 0; without what stands for different days in different languages."""
    found: dict[str, set[int]] = {}
    for number, name in _named_days():
        for key in _keys(name):
            found.setdefault(key, set()).add(number)
    return {key: numbers.pop() for key, numbers in found.items() if len(numbers) == 1}


def _named_days() -> Iterator[tuple[int, str]]:
    for tag in LANGUAGES:
        for widths in Locale.parse(locale_of(tag)).days.values():
            for width in ("wide", "abbreviated", "short"):
                yield from widths[width].items()
    for number, names in enumerate(WEEKDAYS_TOO):
        yield from ((number, name) for name in names.split(","))


def _keys(words: str) -> set[str]:
    key = _key(_bare(words))
    return {key, plain(key)}


def _key(typed: str) -> str:
    """Without what people write or leave out: spaces, and dots after what is cut short."""
    return typed.replace(" ", "").replace(".", "")


def _bare(text: str) -> str:
    """In one form whatever the keyboard: no case, no invisible characters, Latin digits, single spaces."""
    bare = unicodedata.normalize("NFKC", text).casefold()
    bare = latin_digits("".join(c for c in bare if unicodedata.category(c) != "Cf"))
    return re.sub(r"(?<=\d)t(?=\d)", " ", " ".join(bare.split()))
