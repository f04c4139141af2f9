"""The rules of `conftest.py`, tried on a small suite of their own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SETTINGS = """
    [pytest]
    testpaths = .
    addopts = -p no:asyncio -p no:hypothesispytest
    markers =
      live
      client
      browser
      database
"""

SUITE = """
    import pytest

    @pytest.mark.live
    def test_slow():
        print("the slow one ran")

    def test_unit():
        pass

    @pytest.mark.database
    def test_skipped():
        pytest.skip("PostgreSQL is missing")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Make a suite of one unit, one live test, and one whose tool is missing."""
    monkeypatch.delenv("BANYAN_REQUIRE", raising=False)
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    pytester.makeini(SETTINGS)
    pytester.makepyfile(SUITE)
    return pytester


def test_a_missing_tool_is_a_skip_that_is_told(suite):
    """Without a requirement the run is green, and says which kinds ran and why one did not."""
    result = suite.runpytest("-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["ran: 1 unit, 1 live", "*PostgreSQL is missing*"])


def test_a_required_kind_may_not_be_skipped(suite, monkeypatch):
    """The skip fails, and keeps its reason."""
    monkeypatch.setenv("BANYAN_REQUIRE", "live,database")
    result = suite.runpytest()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*required, but skipped: *PostgreSQL is missing*"])


def test_a_required_kind_may_not_be_absent(suite, monkeypatch):
    """A kind of which no test is left is no way round the requirement."""
    monkeypatch.setenv("BANYAN_REQUIRE", "client")
    result = suite.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no client test was found*"])


def test_a_file_may_not_skip_itself_where_something_is_required(suite, monkeypatch):
    """A skip while collecting hides the marks of the tests in it."""
    suite.makepyfile(test_hidden="import pytest\npytest.importorskip('not_there')")
    monkeypatch.setenv("BANYAN_REQUIRE", "live")
    assert suite.runpytest().ret == pytest.ExitCode.INTERRUPTED


def test_a_misspelt_requirement_is_refused(suite, monkeypatch):
    """Nothing runs: a typing error must not switch the requirement off."""
    monkeypatch.setenv("BANYAN_REQUIRE", "databse")
    assert suite.runpytest().ret == pytest.ExitCode.USAGE_ERROR


def test_nothing_slow_starts_while_a_unit_fails(suite):
    """Units run first, and their failure ends the run."""
    suite.makepyfile(test_broken="def test_broken():\n    assert False")
    result = suite.runpytest("-s")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*the slow one ran*")
    result.stdout.fnmatch_lines(["*1 failed, 1 passed*"])
