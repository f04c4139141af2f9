"""Why Synapse ended, in one line that names nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import homeserver.child
from homeserver.supervise import last_words

CHILD = homeserver.child.__file__


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("\n****\n Error in configuration at 'a.b':\n   must be a number\n****\n", "must be a number"),
        ("Traceback\n  File x\nValueError: user @lotus:x.test is bad\n", "ValueError"),
        ("psycopg2.OperationalError: password of somebody\n", "OperationalError"),
        ("", "synapse.log"),
    ],
)
def test_last_words(output, said):
    """A configuration error in full, of an exception only the class."""
    words = last_words(output)
    assert said in words
    assert "lotus" not in words
    assert "somebody" not in words
    assert "\n" not in words


def test_a_child_whose_parent_is_gone_does_not_start():
    """Between our fork and its first line we may have died."""
    answer = subprocess.run(
        [sys.executable, "-I", CHILD, str(os.getpid() + 1), "/bin/echo", "started"],
        capture_output=True,
        check=False,
        timeout=10,
    )
    assert answer.returncode != 0
    assert answer.stdout == b""


def test_a_child_becomes_the_program():
    """Same process, so that the pid we know is Synapse's."""
    answer = subprocess.run(
        [sys.executable, "-I", CHILD, str(os.getpid()), "/bin/sh", "-c", "echo $$"],
        capture_output=True,
        check=True,
        timeout=10,
    )
    assert answer.stdout.strip().isdigit()
    assert Path(CHILD).exists()
