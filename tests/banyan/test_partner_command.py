"""`banyan partner` in a home where nothing runs: what is decided is said, and so is what was not done."""

import json
import sqlite3
import sys

import pytest
import yaml

from banyan.cli import main
from banyan.settings import DEFAULT_NETWORK

SERVER = "matrix.harbour.test"


@pytest.fixture
def home(tmp_path):
    """A home that was started once, with a partner on a server."""
    raw = yaml.safe_load(DEFAULT_NETWORK.read_text())
    raw["partners"] = {
        "harbour": {
            "name": "An organisation",
            "scope": "regional",
            "packages": ["legal_aid"],
            "server": SERVER,
            "people": [f"@lamp-7:{SERVER}", f"@sail-2:{SERVER}"],
        }
    }
    role = next(iter(raw["roles"]))
    raw["joint"] = {"harbour": {"code_name": "Hornbeam", "partners": ["harbour"], "roles": [role]}}
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "registrar.token").write_text("token")
    (tmp_path / "network.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "banyan.yaml").write_text("network: network.yaml\n")
    return tmp_path


@pytest.fixture
def partner(home, monkeypatch, capsys):
    """Run `banyan partner …`; exit status, what was said."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["banyan", "partner", *words, "--home", str(home)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def rows(home, query):
    with sqlite3.connect(home / "banyan.db") as books:
        return books.execute(query).fetchall()


def test_a_plan_writes_nothing(partner, home):
    """It says which rooms, how many people, and which steps."""
    status, said = partner("cut", SERVER, "--plan")
    assert status == 0
    assert "joint:harbour" in said
    assert "2 people" in said
    assert "restarts" in said
    assert rows(home, "SELECT * FROM cuts") == rows(home, "SELECT * FROM outbox") == []


def test_without_up_it_is_decided_and_says_that_nothing_was_done(partner, home):
    """Status 1: somebody may believe it done. The list shows it, and readmitting takes it back."""
    status, said = partner("cut", SERVER)
    assert status == 1
    assert "written down" in said
    assert "does not run" in said
    assert [server for (server,) in rows(home, "SELECT server FROM cuts")] == [SERVER]
    assert [kind for (kind,) in rows(home, "SELECT kind FROM outbox ORDER BY seq")] == ["federate"]
    status, said = partner("list", "--json")
    assert (status, json.loads(said)[0]["cut"]) == (0, True)
    assert "cut off" in partner("list")[1]
    assert partner("readmit", SERVER)[0] == 1
    assert rows(home, "SELECT server FROM cuts") == []


def test_a_misspelt_server_is_not_cut(partner, home):
    """Status 2, and which servers there are: who is in a hurry misspells."""
    status, said = partner("cut", "matrix.harbor.test")
    assert status == 2
    assert SERVER in said
    assert rows(home, "SELECT * FROM cuts") == []
