"""Files that Synapse and we share: secrets made once, texts replaced whole."""

import os
import secrets
from pathlib import Path

SECRET_MODE = 0o600


def make_private_directory(path: Path) -> None:
    """Make `path` readable by its owner only, also when it existed with wider rights."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


def create_secret(path: Path, content: str | None = None) -> str:
    """Make the secret file once and return what it holds.

    An existing file always wins: overwriting a signing key or a token would end every session that rests on
    it. The file appears whole or not at all, so a kill in between leaves no empty secret behind.
    """
    make_private_directory(path.parent)
    if not path.exists():
        draft = _draft(path, content if content is not None else secrets.token_urlsafe(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # someone else was first: theirs counts
        finally:
            draft.unlink()
    path.chmod(SECRET_MODE)
    return path.read_text(encoding="utf-8").strip()


def replace_text(path: Path, content: str, *, mode: int = SECRET_MODE) -> bool:
    """Put `content` into `path` in one step. False when it already says exactly that."""
    if path.exists() and path.read_text(encoding="utf-8") == content:
        path.chmod(mode)
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, content)
    draft.chmod(mode)
    draft.replace(path)
    return True


def _draft(path: Path, content: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft
