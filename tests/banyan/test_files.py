"""Files that appear whole or not at all."""

import stat
from pathlib import Path

from banyan.files import create_secret, write_private


def test_a_secret_is_made_once(tmp_path):
    """Whoever comes second gets what the first one made."""
    file = tmp_path / "secrets" / "token"
    first = create_secret(file)
    assert len(first) >= 32
    assert create_secret(file) == first == create_secret(file, "another")


def test_a_secret_is_private_also_when_it_was_not(tmp_path):
    """Rights that a backup tool widened are narrowed again."""
    file = tmp_path / "secrets" / "token"
    create_secret(file)
    file.chmod(0o644)
    file.parent.chmod(0o755)
    create_secret(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_first_secret_counts_by_a_hair(tmp_path, monkeypatch):
    """Two processes that both found none end up with the same."""
    file = tmp_path / "token"
    create_secret(file, "first")
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert create_secret(file, "second") == "first"


def test_what_is_written_is_private_from_the_first_byte(tmp_path):
    """Whether it is new, replaced or the same; in a directory of its own."""
    file = tmp_path / "keys" / "seeds"
    assert write_private(file, b"\xff\x00")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for content, written in ((b"\xff\x00", False), ("ភ្លៀង", True)):
        file.chmod(0o644)
        assert write_private(file, content) is written
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text(encoding="utf-8") == "ភ្លៀង"


def test_no_draft_stays_behind(tmp_path):
    """Neither of a secret, nor of a replaced text."""
    create_secret(tmp_path / "token")
    assert write_private(tmp_path / "text", "one")
    assert write_private(tmp_path / "text", "two")
    assert not write_private(tmp_path / "text", "two")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["text", "token"]
    assert (tmp_path / "text").read_text() == "two"
