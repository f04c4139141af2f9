"""What the operator types wrongly: one sentence, the right exit status, no traceback, nothing touched."""

import fcntl
import json
import sqlite3
import sys
from contextlib import closing

import pytest

from banyan.cli import main
from banyan.domain.permissions import Permission
from banyan.settings import DEFAULT_NETWORK
from policies.rules import RULES


@pytest.fixture
def banyan(monkeypatch, capsys):
    """Run a command; its exit status and what it said to the operator."""

    def run(*words: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["banyan", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "command",
    [
        "member list",
        "sender list",
        "alert",
        "log show",
        "log verify",
        "sender revoke x",
        "role grant x y",
        "permissions",
        "audit",
    ],
)
def test_a_mistyped_home_is_not_an_empty_network(banyan, tmp_path, command):
    """`log verify` must not call the log of a home that is not there sound, nor make one."""
    home = tmp_path / "typo"
    status, said = banyan(*command.split(), "--home", home)
    assert status == 1
    assert "no network in typo" in said
    assert not home.exists()


def test_a_home_that_cannot_be_one_is_told_in_a_sentence(banyan, tmp_path):
    """A file where the directory should be."""
    file = tmp_path / "file"
    file.touch()
    status, said = banyan("up", "--home", file)
    assert status == 1
    assert said.startswith("file: ")
    assert "Traceback" not in said


def test_settings_that_are_not_text_are_a_bad_file(banyan, tmp_path):
    """Whatever bytes are in it."""
    (tmp_path / "banyan.yaml").write_bytes(b"\xff\xfe\x00")
    status, said = banyan("up", "--home", tmp_path)
    assert status == 2
    assert "is not text in UTF-8" in said


def test_no_invitation_is_made_for_a_picture_that_cannot_be_written(banyan, tmp_path):
    """The link is shown once: afterwards it would be lost."""
    (tmp_path / "taken.png").touch()
    for picture in (tmp_path / "taken.png", tmp_path / "nowhere" / "x.png"):
        status, said = banyan("member", "invite", "--country", "KH", "--qr", picture, "--home", tmp_path)
        assert status == 2
        assert "cannot be written" in said


def test_a_link_is_told_though_the_homeserver_is_slow(monkeypatch, capsys, tmp_path):
    """It is kept nowhere: who were not told it now would have to invite once more."""
    monkeypatch.setattr("banyan.bootstrap.waiting.PATIENCE", 0)
    monkeypatch.setattr(
        sys, "argv", ["banyan", "member", "invite", "--country", "KH", "--json", "--home", str(tmp_path)]
    )
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert "does not work yet" in said.err
    invited = json.loads(said.out)
    assert invited["link"].endswith(f"/join/{invited['token']}")
    with closing(sqlite3.connect(tmp_path / "banyan.db")) as books:
        assert books.execute("SELECT localpart FROM members").fetchall() == [
            (invited["user_id"][1:].partition(":")[0],)
        ]


def test_no_audit_is_made_for_a_page_that_cannot_be_written(banyan, tmp_path):
    """Whoever asked for the page would look at an old one."""
    for page in (tmp_path, tmp_path / "nowhere" / "x.html"):
        status, said = banyan("audit", "--html", page, "--home", tmp_path)
        assert status == 2
        assert "cannot be written" in said


def test_rules_are_told_without_any_home(tmp_path, capsys, monkeypatch):
    """Each with what it is about, how grave it is and what to do."""
    monkeypatch.setattr(sys, "argv", ["banyan", "audit", "--rules", "--json", "--home", str(tmp_path / "x")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    rows = {row["rule"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == {rule.id for rule in RULES}
    assert rows["room-stranger"]["severity"] == "breach"
    assert all(row["title"] and row["remedy"] for row in rows.values())


def test_permissions_are_told_of_a_network_file(monkeypatch, capsys):
    """Before anything was started: each permission, what it means, and who has it where."""
    monkeypatch.setattr(sys, "argv", ["banyan", "permissions", "--network", str(DEFAULT_NETWORK), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    rows = {row["permission"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == set(Permission)
    assert all(row["description"] for row in rows.values())
    assert rows["rooms"]["roles"] == [{"role": "focal_point", "everywhere": False}]
    assert {"role": "security_officer", "everywhere": True} in rows["freeze"]["roles"]
