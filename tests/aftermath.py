"""What a failed test that starts servers leaves behind, in its report: last lines of logs, and who is gone.

Nobody can look at the machine of a CI run afterwards. The logs hold no names, by design.
"""

import json
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

LINES = 20
LONGEST = 300
"""Characters of a line."""

_began = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what was written during the test."""
    report = yield
    if report.when == "setup":
        item.stash[_began] = call.start - 1  # the clock of files lags a little
    if report.failed and any(map(item.get_closest_marker, ("live", "client"))):
        report.sections += aftermath(item.config._tmp_path_factory.getbasetemp(), item.stash[_began])
    return report


def aftermath(root: Path, since: float) -> Iterator[tuple[str, str]]:
    """Title and text of each part: processes of the homes under `root`, and each log written `since`."""
    found = sorted({*root.rglob("*.log"), *root.rglob("*.out")})
    logs = [log for log in found if log.is_file() and log.stat().st_mtime >= since]
    for run in sorted(root.rglob("run.json")):  # an orderly end removes it
        if any(log.is_relative_to(run.parent) for log in logs):
            pids = json.loads(run.read_text())["pids"]
            told = (f"{name} ({pid}) {'lives' if lives(pid) else 'is gone'}" for name, pid in pids.items())
            yield f"processes of {run.parent.relative_to(root)}", ", ".join(told)
    for log in logs:
        yield f"end of {log.relative_to(root)}", end_of(log)


def end_of(log: Path) -> str:
    """The last lines."""
    with log.open(errors="replace") as file:
        return "\n".join(line.rstrip("\n")[:LONGEST] for line in deque(file, LINES))


def lives(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
