"""Speech: marked texts, their translations, and dates as the reader writes them.

Texts are written in English, marked with `N_` and translated in `banyan/locales/*/LC_MESSAGES/banyan.po`,
which is read as it is: there is nothing to compile. `python -m banyan.locales` keeps the catalogs in step.

A `Text` says what is to be said; only the edge that knows the reader calls `render`.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "locales"
DOMAIN = "banyan"
SOURCE = "en"
"""The language the texts are written in: it needs no catalog."""

ENDONYMS: Mapping[str, str] = MappingProxyType(
    {
        "en": "English",
        "vi": "Tiếng Việt",
        "zh-Hans": "简体中文",
        "km": "ភាសាខ្មែរ",
        "lo": "ພາສາລາວ",
        "my": "မြန်မာဘာသာ",
        "th": "ภาษาไทย",
        "fr": "Français",
    },
)
"""Every language we speak, by BCP 47 tag, named as its speakers name it."""

LANGUAGES = tuple(ENDONYMS)

UNREVIEWED = "unreviewed"
"""Translator comment on an entry that no speaker of the language has signed yet."""

_INVISIBLE_BUT_NEEDED = frozenset("\u200b\u200c\u200d\u2060\u00ad")
"""Format characters that spelling needs: Khmer, Lao and Burmese break lines at U+200B."""

_LONGEST_HEADER = 1000
_BUDDHIST_ERA = 543

Value = str | int | datetime


def N_(message: str) -> str:  # noqa: N802  the name that gettext tools look for
    """Mark a text for translation and return it unchanged."""
    return message


@dataclass(frozen=True, init=False)
class Text:
    """Something to say: a marked template and what to fill in, not yet in any language.

    `{name}` in the template is filled with the value of that name; attributes, indexes, conversions and
    format specifications are refused, for `{who.secret}` must not reach an attribute. Values: text, whole
    numbers, aware datetimes (written in the reader's way and zone) and other `Text`s.
    """

    template: str
    values: Mapping[str, "Value | Text"]

    def __init__(self, template: str, /, **values: "Value | Text") -> None:
        """Raise `ValueError` when template and values do not fit, `TypeError` for any other kind of value."""
        if missing := placeholders(template) - values.keys():
            raise ValueError(f"no value for {', '.join(sorted(missing))}")
        for name, value in values.items():
            if not isinstance(value, str | int | datetime | Text):
                raise TypeError(f"{name} cannot be said: {type(value).__name__}")
            if isinstance(value, datetime) and value.tzinfo is None:
                raise TypeError(f"{name} has no zone")
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", MappingProxyType(values))


def render(text: Text, language: str, zone: str = "UTC") -> str:
    """Say it in `language` (BCP 47), times in `zone` (IANA name). Plain text.

    What is not translated is said in English. A translation whose placeholders do not fit is not used: an
    alarm must not fail over a catalog.
    """
    template = translate(text.template, language)
    try:
        fits = placeholders(template) <= text.values.keys()
    except ValueError:
        fits = False
    return _fill(template if fits else text.template, text.values, language, zone)


def to_html(plain: str) -> str:
    """Escape plain text for HTML, quotes too; line breaks become `<br>`."""
    return html.escape(plain).replace("\n", "<br>")


def translate(message: str, language: str) -> str:
    """Return the template in `language`, or in English when the catalog lacks it."""
    return catalog(language).get(message, message)


@cache
def catalog(language: str) -> Mapping[str, str]:
    """Map English texts to translations, read at the first use. Empty for what has no catalog."""
    if language == SOURCE or language not in ENDONYMS:
        return MappingProxyType({})
    with catalog_file(language).open("rb") as file:
        messages = read_po(file, locale=locale_of(language))
    return MappingProxyType({str(m.id): str(m.string) for m in messages if m.id and m.string and not m.fuzzy})


def catalog_file(language: str) -> Path:
    """Where the translations into `language` lie."""
    return LOCALES / locale_of(language) / "LC_MESSAGES" / f"{DOMAIN}.po"


def locale_of(language: str) -> str:
    """BCP 47 tag → name of the catalog: `zh-Hans` → `zh_Hans`."""
    return language.replace("-", "_")


def best_language(accept_language: str, offered: Iterable[str] = LANGUAGES) -> str:
    """Pick of `offered` what an `Accept-Language` header asks for most (RFC 9110, 12.5.4); else English.

    Only the main language counts: whoever reads any Chinese is offered ours. Never raises.
    """
    by_main = {tag.partition("-")[0].lower(): tag for tag in offered}
    best, best_weight = SOURCE, 0.0
    for part in accept_language[:_LONGEST_HEADER].split(","):
        tag, _, parameter = part.partition(";")
        match = by_main.get(re.split("[-_]", tag.strip().lower())[0])
        weight = _weight(parameter)
        if match and weight > best_weight:
            best, best_weight = match, weight
    return best


def _weight(parameter: str) -> float:
    found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", parameter)
    return float(found[1]) if found else 0.0 if parameter.strip() else 1.0


def clean(value: str, *, lines: bool = False) -> str:
    """Take from a foreign text what could mislead a reader.

    Control characters, direction overrides, private-use characters and stray surrogates go; so do line
    breaks, unless `lines`, for a value must not be able to look like a line of ours.
    """
    value = unicodedata.normalize("NFC", re.sub("\r\n?|[\u0085\u2028\u2029]", "\n", value))
    value = "".join(c for c in value if c in "\n\t" or _harmless(c))
    return value if lines else " ".join(value.split())


def _harmless(char: str) -> bool:
    return char in _INVISIBLE_BUT_NEEDED or unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs"}


def when(moment: datetime, language: str, zone: str) -> str:
    """Write an aware datetime for a reader: date as they write it, 24 hours, Latin digits, offset.

    Thai readers see the year of both eras (Babel knows no Buddhist calendar). A zone this machine does not
    know is UTC: the offset is always shown, so the time stays true.
    """
    local = moment.astimezone(_zone(zone))
    date = format_date(local.date(), "long", locale=Locale.parse(locale_of(language)))
    if language == "th":
        date += f" (พ.ศ. {local.year + _BUDDHIST_ERA})"
    offset = local.strftime("%z")
    return f"{date}, {local:%H:%M} (UTC{offset[:3]}:{offset[3:5]})"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # ZoneInfoNotFoundError is a LookupError
        return UTC


def placeholders(template: str) -> frozenset[str]:
    """Names that the template wants filled. Raise `ValueError` for anything but `{name}`, `{{` and `}}`."""
    names = set()
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not re.fullmatch("[a-z][a-z_]*", name) or spec or conversion:
            raise ValueError("a placeholder is a plain lower-case name in braces")
        names.add(name)
    return frozenset(names)


def _fill(template: str, values: Mapping[str, Value | Text], language: str, zone: str) -> str:
    parts = []
    for literal, name, _, _ in Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(_say(values[name], language, zone))
    return "".join(parts)


def _say(value: Value | Text, language: str, zone: str) -> str:
    if isinstance(value, Text):
        return render(value, language, zone)
    if isinstance(value, datetime):
        return when(value, language, zone)
    return clean(str(value))
