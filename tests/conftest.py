"""The order of the tests, and what may be skipped.

Tests of no marked kind are units: they run first, and the slow ones are not started while a unit fails.
A marked kind is skipped where its tool is missing. `BANYAN_REQUIRE=live,client` forbids that for the kinds
it names: a skip is then a failure, and so is a whole run in which no test of the kind exists.
"""

import os
from collections import Counter
from collections.abc import Generator

import hypothesis
import pytest

pytest_plugins = ["tests.aftermath", "tests.live.postgres", "tests.parts"]

KINDS = ("live", "client", "browser", "database")
"""Markers of pyproject.toml, in the order in which they run."""

_ran = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether this is `make soak`: full figures instead of samples."""
    return os.environ.get("BANYAN_SOAK") == "1"


def required() -> frozenset[str]:
    """Kinds that may not be skipped. Raise `UsageError` for a kind that does not exist."""
    names = frozenset(filter(None, os.environ.get("BANYAN_REQUIRE", "").split(",")))
    if unknown := names.difference(KINDS):
        raise pytest.UsageError(f"BANYAN_REQUIRE names no kind of test: {', '.join(sorted(unknown))}")
    return names


def kinds(item: pytest.Item) -> list[str]:
    """Those of `KINDS` the test is marked with, in their order."""
    return [name for name in KINDS if item.get_closest_marker(name)]


def turn(item: pytest.Item) -> str:
    """With which kind the test runs: the last of its marks, or `unit`."""
    return (kinds(item) or ["unit"])[-1]


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt requirement before anything runs."""
    required()
    config.stash[_ran] = Counter()
    hypothesis.settings.register_profile("busy", deadline=None)  # any line may stand still for seconds
    hypothesis.settings.load_profile("busy")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Units first; otherwise as collected, so that modules keep together."""
    items.sort(key=lambda item: ("unit", *KINDS).index(turn(item)))
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        absent = required().difference(*map(kinds, items))
        if absent:
            raise pytest.UsageError(f"BANYAN_REQUIRE: no {' and no '.join(sorted(absent))} test was found")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that skips itself where anything is required: it hides which kinds are in it."""
    report = yield
    if report.skipped and required():
        report.outcome = "failed"
        report.longrepr = f"skipped as a whole: {_reason(report)}"
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell a unit's failure after seconds, not after minutes."""
    session = item.session
    if session.testsfailed and turn(item) != "unit" and set(session.config.stash[_ran]) == {"unit"}:
        pytest.exit(
            "a unit failed: the slower tests were not started", returncode=pytest.ExitCode.TESTS_FAILED
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a required kind into a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and required().intersection(kinds(item)):
        report.outcome = "failed"
        report.longrepr = f"required, but skipped: {_reason(report)}"
    if report.when == "call" and not report.skipped:
        item.config.stash[_ran][turn(item)] += 1
        report.user_properties.append(("kind", turn(item)))  # the one who sums up may be another process
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran, kind by kind: a skipped kind is seen by its absence."""
    ran = Counter(
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "kind" and report.when == "call"
    )
    terminalreporter.write_line("ran: " + (", ".join(f"{ran[name]} {name}" for name in ran) or "nothing"))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
