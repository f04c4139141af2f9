"""The home secret: one random key from which keys for every purpose are derived."""

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path


def write_secret(path: Path, value: str) -> None:
    """Write a file of mode 0600 in a directory of mode 0700, atomically."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(value)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_or_make(path: Path) -> str:
    """The secret in that file; a new one of 256 bits when there is none."""
    if not path.exists():
        write_secret(path, secrets.token_hex(32))
    return path.read_text().strip()


class FileVault:
    """`ports.Vault` over a file of the home."""

    def __init__(self, path: Path) -> None:
        self._key = bytes.fromhex(read_or_make(path))

    def mac(self, purpose: str, message: str) -> str:
        """Hex HMAC-SHA256 of the message under the key of that purpose."""
        key = hmac.digest(self._key, purpose.encode(), sha256)
        return hmac.new(key, message.encode(), sha256).hexdigest()
