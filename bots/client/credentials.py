"""What an account needs to log on, in files that only we can read."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Credentials:
    """One device of one account."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)

    def save(self, path: Path) -> None:
        """Write them with mode 0600."""
        write_private(path, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises FileNotFoundError."""
        return cls(**json.loads(path.read_bytes()))


def write_private(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, whole or not at all, and not before it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
