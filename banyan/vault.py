"""The home secret: one random key from which keys for every purpose are derived."""

import hmac
from hashlib import sha256
from pathlib import Path

from banyan.files import create_secret


class FileVault:
    """`ports.Vault` over a file of the home."""

    def __init__(self, path: Path) -> None:
        self._key = bytes.fromhex(create_secret(path))

    def mac(self, purpose: str, message: str) -> str:
        """Hex HMAC-SHA256 of the message under the key of that purpose."""
        key = hmac.digest(self._key, purpose.encode(), sha256)
        return hmac.new(key, message.encode(), sha256).hexdigest()
