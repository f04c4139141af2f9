"""Reading the body of an alert: what is not understood is refused, and nothing of it is repeated."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banyan.domain.alerts import AlertText, Kind, Response, Severity, Status
from banyan.network import LANGUAGES
from banyan.services.alert_body import DEEPEST, LARGEST, Body, check_times, parse
from banyan.services.intake_errors import BadBody, BadExpiry, Refused, Stale, TooLarge
from tests.alert_samples import WORDS, alert, body
from tests.fakes import NOON


def texts(**words):
    return {"en": WORDS | words}


def read(raw):
    return parse(raw, LANGUAGES)


def test_a_good_body():
    """Every field arrives; times may have any offset."""
    burmese = {"headline": "စျေးကို ရှောင်ပါ\u200b", "description": "line\nline"}
    parsed = read(
        body(
            sent="2026-11-22T18:30:00.5+06:30",
            expires="2026-11-22T18:00:00Z",
            areas=["MM", "KH"],
            texts={"en": WORDS, "my": burmese},
        )
    )
    assert parsed == Body(
        identifier="one",
        sent=NOON.replace(microsecond=500000),
        expires=datetime(2026, 11, 22, 18, tzinfo=UTC),
        status=Status.ACTUAL,
        areas=("MM", "KH"),
        kind=Kind.RAID,
        severity=Severity.SEVERE,
        response=Response.AVOID,
        texts={"en": AlertText(**WORDS), "my": AlertText(**burmese)},
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf" + body(),
        b"[" * 30_000,
        b'{"a":' * 5_000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b'{"identifier": NaN}',
        b'{"identifier": ' + b"9" * 20_000 + b"}",
        body()[:-1] + b', "identifier": "two"}',
        body().replace(b'"headline"', b'"headline": "x", "headline"'),
        body() + b"{}",
    ],
)
def test_not_an_alert(raw):
    """Broken, deep, ambiguous or foreign JSON is a bad body, quickly."""
    began = time.monotonic()
    with pytest.raises(BadBody):
        read(raw)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("missing", sorted(alert()))
def test_every_field_is_needed(missing):
    with pytest.raises(BadBody, match=missing):
        read(body(**{missing: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": "field"},
        {"identifier": ""},
        {"identifier": "with space"},
        {"identifier": "a,b"},
        {"identifier": "a<b"},
        {"identifier": "a&b"},
        {"identifier": "x" * 129},
        {"identifier": "เตือน"},
        {"identifier": 7},
        {"sent": "2026-11-22T12:00:00"},
        {"sent": "2026-11-22 12:00:00Z"},
        {"sent": "20261122T120000Z"},
        {"sent": "2026-W47-7T12:00:00Z"},
        {"sent": "2026-11-22T12:00:00+99:99"},
        {"sent": "2026-11-22T12:00:60Z"},
        {"sent": "٢٠٢٦-11-22T12:00:00Z"},
        {"sent": "0001-01-01T00:00:00+07:00"},
        {"expires": "9999-12-31T23:59:59-07:00"},
        {"sent": 1795348800},
        {"status": "draft"},
        {"status": "Actual"},
        {"kind": "ransom"},
        {"severity": ["severe"]},
        {"response": {}},
        {"areas": []},
        {"areas": "MM"},
        {"areas": [["MM"]]},
        {"areas": ["MM", "MM"]},
        {"areas": ["M M"]},
        {"areas": [f"A{number}" for number in range(51)]},
        {"texts": {}},
        {"texts": [WORDS]},
        {"texts": {"my": WORDS}},
        {"texts": {"en": WORDS, "tlh": WORDS}},
        {"texts": {"en": "text"}},
        {"texts": {"en": {"description": "no headline"}}},
        {"texts": texts(headline="   ")},
        {"texts": texts(headline="x" * 161)},
        {"texts": texts(description="x" * 2001)},
        {"texts": texts(headline="two\nlines")},
        {"texts": texts(headline=7)},
        {"texts": texts(web="https://example.org")},
        {"texts": texts(description="bell\x07")},
        {"texts": texts(description="nul\x00")},
        {"texts": texts(description="right\u202eleft")},
        {"texts": texts(description="isolate\u2066")},
        {"texts": texts(description="mark\u200f")},
        {"texts": texts(description="line\u2028separator")},
        {"texts": texts(description="half \ud800 a character")},
        {"texts": texts(description="tag\U000e0041")},
    ],
)
def test_every_field_is_checked(changes):
    """Wrong type, wrong word, too long, or able to deceive a reader: refused."""
    with pytest.raises(BadBody):
        read(body(**changes))


@pytest.mark.parametrize("raw", [b"[" * 30_000, b'{"a":' * (DEEPEST + 1) + b"7" + b"}" * (DEEPEST + 1)])
def test_depth_is_counted_before_parsing(raw):
    """A parser that recurses is never given deep nesting, well-formed or not."""
    with pytest.raises(BadBody, match="nested too deeply"):
        read(raw)


def test_too_large():
    with pytest.raises(TooLarge):
        read(b" " * (LARGEST + 1))
    with pytest.raises(BadBody):
        read(b" " * LARGEST)


def test_brackets_in_words_are_words():
    """A text full of brackets and quotes is not nested."""
    words = texts(description='[[[[[[[[[[[[ {{{{{{{{ "\\" [[[[[[[[[[ \\')
    assert read(body(texts=words)).texts["en"].description == words["en"]["description"]


def test_a_refusal_repeats_nothing():
    """The sentence names fields and limits, never what was sent."""
    for changes in (
        {"identifier": "Jane Doe"},
        {"kind": "Jane Doe"},
        {"areas": ["Jane Doe"]},
        {"Jane Doe": 1},
        {"texts": {"en": WORDS, "Jane Doe": WORDS}},
        {"sent": "Jane Doe"},
    ):
        with pytest.raises(BadBody) as refused:
            read(body(**changes))
        assert "Jane" not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"sent": NOON - timedelta(minutes=5)}, None),
        ({"sent": NOON + timedelta(minutes=5)}, None),
        ({"sent": NOON - timedelta(minutes=5, seconds=1)}, Stale),
        ({"sent": NOON + timedelta(minutes=5, seconds=1)}, Stale),
        ({"expires": NOON + timedelta(seconds=1)}, None),
        ({"expires": NOON}, BadExpiry),
        ({"expires": NOON + timedelta(hours=24)}, None),
        ({"expires": NOON + timedelta(hours=24, seconds=1)}, BadExpiry),
    ],
)
def test_an_alert_is_of_this_moment(changes, refusal):
    """`sent` within 5 minutes either way, `expires` ahead of us and within a day of `sent`."""
    parsed = read(body(**{name: moment.isoformat() for name, moment in changes.items()}))
    if refusal is None:
        check_times(parsed, NOON)
    else:
        with pytest.raises(refusal):
            check_times(parsed, NOON)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes(raw):
    """Nothing but a refusal ever comes of arbitrary bytes."""
    with pytest.raises(Refused):
        read(raw)


@given(st.dictionaries(st.sampled_from(sorted(alert())), anything, max_size=3))
@settings(deadline=None)
def test_any_values(changes):
    """A field of any value is either read or refused."""
    try:
        parsed = read(json.dumps(alert() | changes).encode())
        check_times(parsed, NOON)
    except Refused:
        pass
