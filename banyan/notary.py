"""The key that signs the log: a secret file of the home, and beside it the public key for everybody."""

from pathlib import Path

from nacl.signing import SigningKey

from banyan.domain.notes import Head, NotReadable, PublicKey, sign
from banyan.errors import UsedWrongly
from banyan.files import create_secret, write_private
from banyan.settings import Home


def origin_of(server_name: str) -> str:
    """What the log of that server is called: a URL without its scheme, as `tlog-checkpoint` asks for."""
    return f"{server_name}/banyan-log"


class FileNotary:
    """`ports.Notary`. Makes the key when there is none."""

    def __init__(self, home: Home, server_name: str) -> None:
        self._key = SigningKey(bytes.fromhex(create_secret(home.secret("log.key"))))
        self.key = PublicKey(origin_of(server_name), bytes(self._key.verify_key))
        public = _public(home)
        known = public.read_text() if public.exists() else ""
        if str(self.key) not in known.splitlines():  # an earlier key has signed what is kept: it stays
            write_private(public, f"{known}{self.key}\n")

    def sign(self, head: Head) -> str:
        """The checkpoint as a signed note; the same bytes each time."""
        return sign(head, self._key)


def read_keys(file: Path) -> list[PublicKey]:
    """The public keys of a file, one a line. Raise `UsedWrongly` when it is not one of those."""
    try:
        return [PublicKey.parse(line) for line in file.read_text().splitlines() if line.strip()]
    except (NotReadable, UnicodeDecodeError):
        raise UsedWrongly(
            f"{file.name} is not a file of public keys. Give the log.pub that you keep outside."
        ) from None


def public_keys(home: Home) -> list[PublicKey]:
    """Those that have signed the log of this home. None before the first checkpoint."""
    file = _public(home)
    return read_keys(file) if file.exists() else []


def _public(home: Home) -> Path:
    return home.path / "log.pub"
