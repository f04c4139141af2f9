"""QR codes of links."""

import stat

import pytest

from banyan.web import qr

LINK = "https://join.banyan.example/join/" + "a" * 32


def test_a_code_for_the_terminal_fits():
    """Lines of equal width, narrow enough for an old terminal."""
    lines = qr.terminal(LINK).splitlines()
    assert len(lines) > 15
    assert "█" in qr.terminal(LINK) or "▀" in qr.terminal(LINK)
    assert max(map(len, lines)) <= 80


def test_a_code_on_paper_is_its_owners_alone(tmp_path):
    """The file carries a secret, so it is 0600 and never written over another."""
    path = tmp_path / "code.png"
    qr.png(LINK, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        qr.png(LINK, path)
