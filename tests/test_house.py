"""The house rules: what the documents say and what the packaging promises is true."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from banyan.cli import app
from banyan.domain.effects import Actor
from banyan.domain.people import OUR_LOCALPARTS
from banyan.domain.rooms import RoomKind
from banyan.settings import Settings
from tests.conftest import KINDS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LONGEST_FILE = 400
LONGEST_TEST = 500
"""Lines. Our aim is 300; a file beyond this is two things."""


def tracked(*patterns: str) -> list[Path]:
    """Files under version control, so that nobody's scratch file fails a test."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [file for name in listed.stdout.split("\0") if name and (file := ROOT / name).is_file()]


def commands(command: Any, *names: str) -> Iterator[str]:
    """Every command line of the application, e.g. `banyan member invite`."""
    if not hasattr(command, "commands"):
        yield " ".join(names)
        return
    for name, child in command.commands.items():
        yield from commands(child, *names, name)


def settings(model: type[BaseModel]) -> Iterator[str]:
    """Every key of the settings file, the nested ones too."""
    for name, field in model.model_fields.items():
        yield name
        for part in getattr(field.annotation, "__args__", ()):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from settings(part)


def anchors(text: str) -> list[str]:
    """Targets of the links of a Markdown text that point into this repository."""
    return [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app), "banyan")))
def test_every_command_is_documented(command):
    """An operator finds each command in one table."""
    assert f"`{command}`" in (ROOT / "docs/operating.md").read_text()


@pytest.mark.parametrize("key", sorted(set(settings(Settings))))
def test_every_setting_is_documented(key):
    """An operator finds each setting in one table."""
    assert f"`{key}`" in (ROOT / "docs/operating.md").read_text()


@pytest.mark.parametrize("word", [*OUR_LOCALPARTS, *Actor, *RoomKind])
def test_the_glossary_knows_the_words_of_the_code(word):
    """Accounts and kinds of rooms are explained under the names that the code uses."""
    assert re.search(rf"(\*\*|`){word}\b", (ROOT / "docs/concepts.md").read_text())


def test_every_decision_is_listed():
    """The records are numbered without a gap, and the list links each."""
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    assert sorted(anchors((ROOT / "docs/adr/README.md").read_text())) == records


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """No link of our own pages is dead."""
    assert [link for link in anchors(page.read_text()) if not (page.parent / link).exists()] == []


def test_the_readme_names_targets_that_exist():
    """Whoever copies a command from the front page can run it."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text())) <= targets
    assert set(PROJECT["project"]["scripts"]) == {"banyan"}


def test_ci_runs_the_test_command_of_the_readme_and_lets_nothing_be_skipped():
    """What people are told to run is what guards the code."""
    ci = (ROOT / ".ci/run").read_text()
    assert "$ make test" in (ROOT / "README.md").read_text()
    assert f"BANYAN_REQUIRE={','.join(KINDS)} make test" in ci
    markers = [marker.split(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert markers == list(KINDS)


def test_imports_point_one_way():
    """The contracts of pyproject.toml hold."""
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, check=False, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout


def test_no_other_distribution_owns_our_package_names():
    """They are generic: another `bots` in the environment would shadow ours, or ours would shadow it."""
    owners = packages_distributions()
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert set(owners.get(package, ["banyan"])) == {"banyan"}


def test_it_cannot_be_uploaded_by_mistake():
    """A package index refuses this classifier."""
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_nio_is_pinned_exactly():
    """`bots/client` rests on its private parts: another version is a decision, not an accident."""
    assert f"matrix-nio[e2e]=={version('matrix-nio')}" in PROJECT["project"]["dependencies"]


@pytest.mark.parametrize("lock", tracked("*package-lock.json"), ids=lambda lock: lock.parent.name)
def test_npm_locks_name_no_registry(lock):
    """Whoever installs uses their own registry; the content is checked by its hash."""
    packages = json.loads(lock.read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert all("integrity" in package for name, package in packages.items() if name)


def longest(file):
    return LONGEST_TEST if "tests" in file.relative_to(ROOT).parts else LONGEST_FILE


def test_no_file_is_too_long():
    """One file, one thing."""
    sources = tracked("*.py", "*.mjs", "*.css", "*.html", "*.md", "Makefile", ".ci/run")
    too_long = {
        str(file.relative_to(ROOT)): lines
        for file in sources
        if (lines := len(file.read_text().splitlines())) > longest(file)
    }
    assert too_long == {}
