"""A log that names nobody."""

import logging
import sys

import pytest

from homeserver.gate.discreet import DiscreetFormatter


def line(message: str, *values: object, error: bool = False) -> str:
    record = logging.LogRecord(
        "synapse.x", logging.WARNING, "f", 1, message, values, sys.exc_info() if error else None
    )
    return DiscreetFormatter().format(record)


@pytest.mark.parametrize(
    "secret",
    [
        "@lotus-teal:banyan.test",
        "@lotus-teal:127.0.0.1:8448",
        "!AbC_-d0:banyan.test",
        "!v12roomidwithoutdomain_-x",
        "$event_id-x",
        "#name:banyan.test",
        "192.0.2.17",
        "2001:db8:1:2:3:4:5:6",
        "2001:db8:aa:bb::17",
    ],
)
def test_ids_and_addresses_are_struck_out(secret):
    """In the text, in quotes, and among the values."""
    for text in (line(f"before {secret} after"), line("%r, after", secret), line("(%s)", secret)):
        assert secret not in text
        assert secret.lstrip("@!$#").split(":")[0] not in text
        assert "…" in text


def test_tracebacks_too():
    """An exception's text is the likeliest place."""
    try:
        int("unknown user @lotus-teal:banyan.test")
    except ValueError:
        text = line("failed", error=True)
    assert "ValueError" in text
    assert "lotus-teal" not in text


def test_what_helps_stays():
    """Times, loggers, versions and words."""
    text = line("version 1.163.2 slow at 12:30:45 by 3 ms")
    assert "version 1.163.2 slow at 12:30:45 by 3 ms" in text
    assert "WARNING synapse.x" in text
