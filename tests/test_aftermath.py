"""What the report of a failed slow test says of the servers it started."""

import os

import pytest

from tests.aftermath import LINES

pytest_plugins = ["pytester"]

SUITE = """
    import json, os, subprocess
    import pytest

    @pytest.fixture(scope="module")
    def home(tmp_path_factory):
        home = tmp_path_factory.mktemp("home")
        ended = subprocess.Popen(["true"])
        ended.wait()
        pids = {"banyan": os.getpid(), "synapse": ended.pid}
        (home / "run.json").write_text(json.dumps({"pids": pids}))
        (home / "old.log").write_text("what was before")
        os.utime(home / "old.log", (0, 0))
        return home

    def written(home):
        (home / "logs").mkdir()
        (home / "logs" / "synapse.log").write_text("".join(f"line {n:03}\\n" for n in range(100)))

    @pytest.mark.KIND
    def test_it(home):
        written(home)
        assert home is None
"""


def report_of(pytester: pytest.Pytester, kind: str) -> str:
    pytester.makeini(f"[pytest]\naddopts = -p no:asyncio -p tests.aftermath\nmarkers =\n  {kind}")
    pytester.makepyfile(SUITE.replace("KIND", kind))
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    return result.stdout.str()


def test_a_failure_shows_logs_and_who_is_gone(pytester):
    """The last lines of what was written meanwhile, nothing older, and each process of the home."""
    said = report_of(pytester, "live")
    assert f"banyan ({os.getpid()}) lives" in said
    assert "is gone" in said
    assert "end of home0/logs/synapse.log" in said
    shown = [line for line in said.splitlines() if line.startswith("line ")]
    assert shown == [f"line {number:03}" for number in range(100 - LINES, 100)]
    assert "what was before" not in said


def test_a_unit_fails_without_them(pytester):
    """It starts no server."""
    assert "end of" not in report_of(pytester, "unit")
