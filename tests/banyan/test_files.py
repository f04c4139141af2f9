"""Files that appear whole or not at all."""

import stat

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


def test_no_draft_stays_behind(tmp_path):
    """Neither of a secret, nor of a replaced text."""
    create_secret(tmp_path / "token")
    assert write_private(tmp_path / "text", "one")
    assert write_private(tmp_path / "text", "two")
    assert not write_private(tmp_path / "text", "two")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["text", "token"]
    assert (tmp_path / "text").read_text() == "two"
