"""Files that only their owner may read, and that appear whole or not at all."""

import os
import secrets
from pathlib import Path

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700


def make_private_directory(path: Path) -> None:
    """Make `path` readable by its owner only, also when it existed with wider rights."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(PRIVATE_DIRECTORY)


def create_secret(path: Path, content: str | None = None) -> str:
    """Make the secret file once and return what it holds: `content`, or 256 random bits in hex.

    An existing file always wins: overwriting a signing key or a token would end every session that rests on
    it. The file appears whole or not at all, so a kill in between leaves no empty secret behind.
    """
    make_private_directory(path.parent)
    if not path.exists():
        draft = _draft(path, (secrets.token_hex(32) if content is None else content).encode())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # someone else was first: theirs counts
        finally:
            draft.unlink()
        _sync(path.parent)
    path.chmod(PRIVATE_FILE)
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, content: str | bytes) -> bool:
    """Put `content` into `path` in one step. False when it already says exactly that.

    It has mode 0600 and is on the disk when this returns.
    """
    raw = content.encode() if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == raw:
        path.chmod(PRIVATE_FILE)
        return False
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    _draft(path, raw).replace(path)
    _sync(path.parent)
    return True


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(directory: Path) -> None:
    """Have the new name outlive a power cut, not only what is under it."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
