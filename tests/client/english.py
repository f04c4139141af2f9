"""What stands on a screen, read by somebody who knows only English: our catalogs read backwards."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from string import Formatter

from babel import Locale
from babel.dates import format_date, format_timedelta

from banyan.i18n import SOURCE, catalog, locale_of, when

ALIKE = re.compile(r"(?P<before>(?:[0-9]+\.|»|•) ?)(?P<rest>.+)")
"""What stands before a line of a list or a quotation in every language."""

DAYS_AROUND = 3
"""How far from today a date on a screen lies at most."""


@cache
def pattern(template: str, language: str) -> re.Pattern[str]:
    """Return what finds a marked text as it reads in that language, whatever was filled in.

    Its beginning is enough to name it.
    """
    return re.compile(_expression(wording(template, language)))


@cache
def wording(begins: str, language: str) -> str:
    """Return the template in `language` of the marked text that begins so; itself where there is none."""
    known = catalog(language)
    return known.get(begins) or next((known[each] for each in known if each.startswith(begins)), begins)


def english(body: str, language: str) -> str:
    """Return a message in English. What no catalog knows, e.g. what people wrote, stays as it is."""
    if language == SOURCE:
        return body
    dated = _dated(body, language)  # first, for there are commas in dates
    return "\n".join(_line(each, language) for each in dated.split("\n"))


def _line(said: str, language: str) -> str:
    """A line: a sentence of ours or two, one after a sign, a label and what follows, or something else."""
    for last, meaning in _constant(language):
        if said != last and said.endswith(f" {last}"):
            return f"{_line(said.removesuffix(f' {last}'), language)} {meaning}"
    if whole := _sentence(said, language):
        return whole
    if alike := ALIKE.fullmatch(said):
        return alike["before"] + _line(alike["rest"], language)
    for label, meaning in _constant(language):
        if meaning.endswith(":") and said.startswith(f"{label} "):
            return f"{meaning} {_line(said.removeprefix(f'{label} '), language)}"
    return said


def _sentence(said: str, language: str) -> str | None:
    for known, template in _known(language):
        if found := known.fullmatch(said):
            return _filled(template, found, language)
    return None


def _filled(template: str, found: re.Match[str], language: str) -> str:
    """The English template with what stands in the translation, itself in English where it is ours."""
    values = {name: _line(value, language) for name, value in found.groupdict().items()}
    return "".join(
        literal + ("" if name is None else values.get(name, "…"))
        for literal, name, _, _ in Formatter().parse(template)
    )


@cache
def _known(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every translated text and its original, those with most words of their own first.

    Without those that have no word: in every language they are the same.
    """
    own = {template: re.sub(r"\{\w+\}", "", said) for template, said in catalog(language).items()}
    worded = sorted(
        (each for each in own if any(map(str.isalpha, own[each]))), key=lambda each: -len(own[each])
    )
    return tuple((re.compile(_expression(wording(each, language))), each) for each in worded)


@cache
def _constant(language: str) -> tuple[tuple[str, str], ...]:
    """Sentences and labels into which nothing is filled, and their originals."""
    entries = catalog(language).items()
    return tuple((said, each) for each, said in entries if "{" not in said and each.endswith((".", ":")))


def _expression(template: str) -> str:
    seen: set[str] = set()
    parts = []
    for literal, name, _, _ in Formatter().parse(template):
        parts.append(re.escape(literal))
        if name in seen:
            parts.append(f"(?P={name})")
        elif name is not None:
            seen.add(name)
            parts.append(f"(?P<{name}>.+?)")
    return "".join(parts)


def _dated(said: str, language: str) -> str:
    """With dates and spans of time in it as the English write them: these come from Babel, not from us."""
    for local, ours in _dates(language, datetime.now(UTC).date()):
        said = said.replace(local, ours)
    return said


@cache
def _dates(language: str, today: date) -> tuple[tuple[str, ...], ...]:
    return tuple(_around(language, today))


def _around(language: str, today: date) -> Iterator[tuple[str, ...]]:
    english_locale = Locale.parse(locale_of(SOURCE))
    for days in range(-DAYS_AROUND, DAYS_AROUND + 1):
        day = today + timedelta(days=days)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        local = when(noon, language, "UTC").rpartition(",")[0]
        yield local, format_date(day, "long", locale=english_locale)
    for unit, most in (("hour", 48), ("minute", 120)):
        for count in range(most, 0, -1):
            span = timedelta(**{f"{unit}s": count})
            yield tuple(
                format_timedelta(span, granularity=unit, threshold=most + 1, add_direction=True, locale=each)
                for each in (locale_of(language), SOURCE)
            )
