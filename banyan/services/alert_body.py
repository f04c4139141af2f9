"""From the raw bytes of a signed alert to its meaning: what is not understood is refused, never guessed.

Texts of errors name fields and limits; they never quote what was sent.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from banyan.domain.alerts import AlertText, Kind, Response, Severity, Status
from banyan.services.intake_errors import BadBody, BadExpiry, Stale, TooLarge

LARGEST = 32 * 1024
"""Bytes of a body."""
DEEPEST = 8
"""Levels of nesting: an alert needs three, and a parser must not be made to recurse."""
MOST_AREAS = 50
SKEW = timedelta(minutes=5)
LONGEST_LIFE = timedelta(hours=24)
LENGTHS = {"headline": 160, "description": 2000, "instruction": 1000}
"""Characters. A headline fits a lock screen."""

FIELDS = frozenset(
    {"identifier", "sent", "expires", "status", "areas", "kind", "severity", "response", "texts"}
)
IDENTIFIER = re.compile(r"[!-~]{1,128}")
FORBIDDEN_IN_IDENTIFIER = frozenset(",<&")  # CAP 1.2, section 3.2.1
AREA = re.compile(r"[A-Za-z0-9-]{1,64}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)  # RFC 3339
STRING = re.compile(
    r'"(?:[^"\\]|\\.)*"?', re.DOTALL
)  # one without its end matches too, else this is quadratic
BRACKET = re.compile(r"[\[\]{}]")
JOINERS = frozenset("\u200b\u200c\u200d")
"""Invisible, but part of how Khmer, Lao and Burmese are written."""
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that show nothing: controls, direction overrides, halves of characters."""

Vocabulary = TypeVar("Vocabulary", bound=StrEnum)


@dataclass(frozen=True)
class Body:
    """What a body says. Nothing in it was compared with the time or with the network yet."""

    identifier: str
    sent: datetime
    expires: datetime
    status: Status
    areas: tuple[str, ...]
    kind: Kind
    severity: Severity
    response: Response
    texts: Mapping[str, AlertText]


def parse(raw: bytes, languages: Collection[str]) -> Body:
    """Read a body. Raise `TooLarge` or `BadBody`, whatever the bytes are."""
    if len(raw) > LARGEST:
        raise TooLarge(f"An alert has at most {LARGEST} bytes.")
    fields = _object(_load(raw), "the body")
    if missing := FIELDS - fields.keys():
        _refuse(f"these fields are missing: {', '.join(sorted(missing))}")
    if fields.keys() - FIELDS:
        _refuse("there are fields that do not belong to an alert")
    return Body(
        identifier=_identifier(fields["identifier"]),
        sent=_moment(fields["sent"], "sent"),
        expires=_moment(fields["expires"], "expires"),
        status=_word(fields["status"], Status, "status"),
        areas=_areas(fields["areas"]),
        kind=_word(fields["kind"], Kind, "kind"),
        severity=_word(fields["severity"], Severity, "severity"),
        response=_word(fields["response"], Response, "response"),
        texts=_texts(fields["texts"], languages),
    )


def check_times(body: Body, now: datetime) -> None:
    """Raise `Stale` or `BadExpiry` when the alert is not of this moment."""
    if abs(body.sent - now) > SKEW:
        raise Stale("`sent` is more than 5 minutes from our time. Check the clock, and sign again.")
    if body.expires <= now:
        raise BadExpiry("`expires` has passed.")
    if body.expires - body.sent > LONGEST_LIFE:
        raise BadExpiry("`expires` is more than 24 hours after `sent`.")


def _load(raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        _refuse("it is not UTF-8")
    if _depth(text) > DEEPEST:
        _refuse("it is nested too deeply")
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError):
        _refuse("it is not JSON")


def _depth(text: str) -> int:
    """How deeply brackets are nested, without recursing. Those inside strings do not count."""
    depth = deepest = 0
    for bracket in BRACKET.findall(STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The last of two equal keys would win here and the first one elsewhere: two readings of one signature.
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a key appears twice in one object")
    return found


def _constant(_: str) -> NoReturn:
    _refuse("NaN and Infinity are not JSON")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{where} must be an object")
    return value


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(f"{where} must be a string")
    return value


def _identifier(value: Any) -> str:
    text = _string(value, "identifier")
    if not IDENTIFIER.fullmatch(text) or FORBIDDEN_IN_IDENTIFIER & set(text):
        _refuse("identifier must be 1 to 128 visible ASCII characters without space, comma, < and &")
    return text


def _moment(value: Any, where: str) -> datetime:
    text = _string(value, where)
    try:
        moment = datetime.fromisoformat(text if MOMENT.fullmatch(text) else "")
        moment.astimezone(UTC)  # on the first and last day of the calendar there is no such time
    except (ValueError, OverflowError):
        _refuse(f"{where} must be a time with an offset, e.g. 2026-11-22T09:30:00+07:00")
    return moment


def _word(value: Any, vocabulary: type[Vocabulary], where: str) -> Vocabulary:
    try:
        return vocabulary(_string(value, where))
    except ValueError:
        _refuse(f"{where} must be one of {', '.join(vocabulary)}")


def _areas(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_AREAS:
        _refuse(f"areas must be a list of 1 to {MOST_AREAS} codes")
    areas = tuple(_string(area, "each area") for area in value)
    if not all(AREA.fullmatch(area) for area in areas):
        _refuse("an area is a code such as MM, MM-1 or regional")
    if len(set(areas)) != len(areas):
        _refuse("an area appears twice")
    return areas


def _texts(value: Any, languages: Collection[str]) -> dict[str, AlertText]:
    texts = _object(value, "texts")
    if texts.keys() - set(languages):
        _refuse(f"texts may be in {', '.join(sorted(languages))}")
    if "en" not in texts:
        _refuse("texts must have en")
    return {language: _text(words) for language, words in texts.items()}


def _text(value: Any) -> AlertText:
    words = _object(value, "each text")
    if words.keys() - LENGTHS.keys():
        _refuse(f"a text has {', '.join(LENGTHS)} and nothing else")
    if "headline" not in words:
        _refuse("each text must have a headline")
    return AlertText(**{name: _readable(text, name) for name, text in words.items()})


def _readable(value: Any, where: str) -> str:
    text = _string(value, where)
    if len(text) > LENGTHS[where]:
        _refuse(f"{where} has more than {LENGTHS[where]} characters")
    shown = text.replace("\n", "") if where != "headline" else text
    if any(unicodedata.category(one) in HIDDEN and one not in JOINERS for one in shown):
        _refuse(f"{where} has control characters")
    if where == "headline" and not text.strip():
        _refuse("headline is empty")
    return text


def _refuse(why: str) -> NoReturn:
    raise BadBody(f"This is not an alert we can relay: {why}.")
