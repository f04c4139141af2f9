"""What Banyan writes is what the gate reads."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import pytest

from homeserver.gate.table import Table, TableUnavailableError
from homeserver.gatefile import GateFile, Token, token_hash

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=72)


@pytest.fixture
def file(tmp_path):
    return GateFile(tmp_path / "gate.db")


@pytest.fixture
def clock():
    return [NOW]


@pytest.fixture
def table(tmp_path, file, clock):
    return Table(tmp_path / "gate.db", now=lambda: clock[0].timestamp())  # noqa: PLW0108 - the clock moves


def test_rows_let_in_and_their_end_keeps_out(file, table):
    """A row is one person and one room."""
    assert file.allow("@a:x", ["!1", "!2"]) == 2
    assert file.allow("@a:x", ["!2"]) == 0
    assert table.allows("@a:x", "!1")
    assert not table.allows("@a:x", "!3")
    assert not table.allows("@b:x", "!1")
    assert set(table.rooms_of("@a:x")) == file.rooms_of("@a:x") == {"!1", "!2"}
    assert file.withdraw("@a:x", ["!1", "!9"]) == 1
    assert not table.allows("@a:x", "!1")
    assert file.withdraw("@a:x") == 1
    assert not table.knows("@a:x")


def test_nobody_is_let_into_a_room_that_is_gone(file, table):
    """Else the gate would go on trying to bring its members in."""
    file.allow("@a:x", ["!1", "!2"])
    file.allow("@b:x", ["!1"])
    assert file.close("!1") == 2
    assert not table.allows("@b:x", "!1")
    assert table.rooms_of("@a:x") == ["!2"]


def test_sharing_a_room_needs_one_room_of_both(file, table):
    """Both in some room is not enough."""
    file.allow("@a:x", ["!1", "!2"])
    file.allow("@b:x", ["!3"])
    assert not table.share_a_room("@a:x", "@b:x")
    file.allow("@b:x", ["!2"])
    assert table.share_a_room("@a:x", "@b:x")
    assert table.share_a_room("@b:x", "@a:x")


def test_a_token_stands_for_one_name_until_it_expires(file, table, clock):
    """The file holds a hash: who steals it cannot register."""
    file.token(token_hash("secret"), "lotus-teal", LATER)
    assert table.localpart_for("secret") == "lotus-teal"
    assert table.localpart_for(token_hash("secret")) is None
    assert table.expects("lotus-teal")
    clock[0] = LATER
    assert table.localpart_for("secret") is None
    assert not table.expects("lotus-teal")


def test_a_forgotten_token_is_gone(file, table):
    """Telling twice does no harm."""
    file.token(token_hash("secret"), "lotus-teal", LATER)
    assert file.forget_token(token_hash("secret"))
    assert not file.forget_token(token_hash("secret"))
    assert table.localpart_for("secret") is None


def test_no_token_stands_for_an_account_of_ours(file):
    """Whoever could register `desk` would speak for the network."""
    with pytest.raises(ValueError, match="our own accounts"):
        file.token(token_hash("secret"), "desk", LATER)
    with pytest.raises(ValueError, match="time zone"):
        file.token(token_hash("secret"), "lotus-teal", datetime(2026, 5, 1))  # noqa: DTZ001 - the fault
    with pytest.raises(ValueError, match="our own accounts"):
        file.replace([("@a:x", "!1")], {token_hash("secret"): Token("keeper", LATER)})
    assert file.rooms_of("@a:x") == set()


def test_replacing_writes_differences_only(file, table, tmp_path):
    """Equal: nothing is written. Else the whole change is one transaction."""
    pairs = [("@a:x", "!1"), ("@b:x", "!1")]
    tokens = {token_hash("s"): Token("lotus-teal", LATER)}
    assert file.replace(pairs, tokens) == 3
    before = (tmp_path / "gate.db").read_bytes()
    assert file.replace(reversed(pairs), tokens) == 0
    assert (tmp_path / "gate.db").read_bytes() == before
    assert file.replace([("@a:x", "!2")], {token_hash("s"): Token("lotus-grey", LATER)}) == 4
    assert table.rooms_of("@a:x") == ["!2"]
    assert not table.knows("@b:x")
    assert table.localpart_for("s") == "lotus-grey"


def test_who_is_frozen_stays_out_whatever_is_written_later(file, table):
    """An effect that waited, an old projection, a backup from before: none of them lets anybody in again."""
    file.allow("@lotus-teal:x", ["!1"])
    file.allow("@b:x", ["!1"])
    file.token(token_hash("s"), "lotus-teal", LATER)
    file.freeze("@lotus-teal:x")
    assert not table.knows("@lotus-teal:x")
    assert not table.expects("lotus-teal")
    file.allow("@lotus-teal:x", ["!2"])
    file.token(token_hash("t"), "lotus-teal", LATER)
    pairs, tokens = [("@lotus-teal:x", "!1"), ("@b:x", "!1")], {token_hash("s"): Token("lotus-teal", LATER)}
    assert file.replace(pairs, tokens) == 0
    assert not table.knows("@lotus-teal:x")
    assert not table.expects("lotus-teal")
    assert table.allows("@b:x", "!1")
    file.freeze("@lotus-teal:x")


def test_who_is_frozen_is_frozen_in_a_new_file_too(tmp_path, file, table):
    """A file that was lost is written again from the books."""
    pairs = [("@a:x", "!1"), ("@b:x", "!1")]
    assert file.replace(pairs, {}, ["@a:x"]) == 2
    assert file.replace(pairs, {}, ["@a:x"]) == 0
    file.allow("@a:x", ["!2"])
    assert not table.knows("@a:x")
    assert table.knows("@b:x")


def test_a_failed_change_changes_nothing(file):
    """Half a change would let in people whom the rest of it keeps out."""
    file.allow("@a:x", ["!1"])

    with pytest.raises(sqlite3.Error):
        file.allow("@a:x", ["!2", object()])
    assert file.rooms_of("@a:x") == {"!1"}


def test_the_file_is_private_and_comes_back(file, table, tmp_path):
    """While it is gone nobody gets in; the next write makes a new one."""
    file.allow("@a:x", ["!1"])
    assert stat.S_IMODE((tmp_path / "gate.db").stat().st_mode) == 0o600
    for part in tmp_path.glob("gate.db*"):
        part.unlink()
    with pytest.raises(TableUnavailableError):
        table.allows("@a:x", "!1")
    assert not (tmp_path / "gate.db").exists(), "reading must not make an empty table"
    file.allow("@b:x", ["!1"])
    assert table.allows("@b:x", "!1")
    assert not table.allows("@a:x", "!1")


def test_the_gate_cannot_write(file, table):
    """It runs inside the server that may be stolen from us."""
    with pytest.raises(TableUnavailableError):
        table._rows("DELETE FROM allow")


def test_a_file_that_was_lost_is_told_from_a_whole_one(tmp_path, file):
    """Deleted, damaged, or made anew by the next write: each would tell every invitation that it is over."""
    path = tmp_path / "gate.db"
    assert not file.sound()
    file.replace([("@a:x", "!r")], {})
    assert file.sound()
    path.unlink()
    assert not file.sound()
    file.allow("@b:x", ["!r"])
    assert not file.sound()
    path.write_bytes(b"not a database " * 100)
    assert not file.sound()
    file.discard()
    assert file.replace([("@a:x", "!r")], {}) == 1
    assert file.sound()


def test_a_damaged_file_keeps_nothing_from_starting(tmp_path):
    """It is only a projection: it is thrown away and written again."""
    path = tmp_path / "gate.db"
    path.write_bytes(b"not a database " * 100)
    assert GateFile(path).replace([("@a:x", "!r")], {}) == 1
