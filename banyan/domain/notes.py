"""Checkpoints as text: C2SP `tlog-checkpoint` in a `signed-note` (c2sp.org), signed with Ed25519.

<origin>            who keeps the log; also the name of its key
<size>              entries it has
<root>              base64 of the root of the RFC 6962 tree over them

— <name> <base64 of key id and signature>
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

ED25519 = b"\x01"
"""Type of signature, as `signed-note` numbers them."""

ID_BYTES, KEY_BYTES, SIGNATURE_BYTES, ROOT_BYTES = 4, 32, 64, 32

_NAME = r"[^\s+]+"
_BASE64 = r"[A-Za-z0-9+/]+={0,2}"
_SIGNATURE = rf"— {_NAME} {_BASE64}\n"
_NOTE = re.compile(
    rf"^{_NAME}\n(?:0|[1-9][0-9]{{0,17}})\n{_BASE64}\n\n(?:{_SIGNATURE}){{1,64}}", re.MULTILINE
)


class NotReadable(ValueError):
    """The text is not what it should be."""


@dataclass(frozen=True)
class PublicKey:
    """Who signs. As text it is what other tools for signed notes call a verifier key, one line."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """What a signature line names the key by: 4 bytes."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key).decode()}"

    @classmethod
    def parse(cls, line: str) -> "PublicKey":
        """Read one line. Raise `NotReadable`."""
        name, _, rest = line.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded)
        if re.fullmatch(_NAME, name) is None or len(raw) != 1 + KEY_BYTES or raw[:1] != ED25519:
            raise NotReadable("not a public key of a log")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise NotReadable("a public key whose id does not fit")
        return key


@dataclass(frozen=True)
class Head:
    """What is signed: the log as it was when it had `size` entries."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A checkpoint that was read; nothing of it is true until somebody's signature is."""

    head: Head
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """Name of the key, key id, signature."""

    def doubt(self, keys: Iterable[PublicKey]) -> str | None:
        """Why the note cannot be believed by who trusts these keys; None when one of them signed it.

        `other-log`: its origin is none of theirs; `other-key`: signed by none of them; `forged`: it says that
        it is signed by one, and is not.
        """
        ours = [key for key in keys if key.name == self.head.origin]
        if not ours:
            return "other-log"
        known = {(key.name, key.id): key for key in ours}
        doubt = "other-key"
        for name, key_id, signature in self.signatures:
            if key := known.get((name, key_id)):
                if not _signed(key, self.head.text, signature):
                    return "forged"
                doubt = ""
        return doubt or None


def sign(head: Head, key: SigningKey) -> str:
    """The checkpoint, signed; the same bytes each time."""
    public = PublicKey(head.origin, bytes(key.verify_key))
    signature = key.sign(head.text.encode()).signature
    return f"{head.text}\n— {public.name} {b64encode(public.id + signature).decode()}\n"


def read_note(text: str) -> Note:
    """Read one checkpoint. Raise `NotReadable`."""
    if _NOTE.fullmatch(text) is None:
        raise NotReadable("not a checkpoint")
    origin, size, root, _, *lines = text.splitlines()
    head = Head(origin, int(size), _decoded(root))
    if len(head.root) != ROOT_BYTES:
        raise NotReadable("a checkpoint without a root")
    signatures = []
    for line in lines:
        _, name, encoded = line.split(" ")
        raw = _decoded(encoded)
        signatures.append((name, raw[:ID_BYTES], raw[ID_BYTES:]))
    return Note(head, tuple(signatures))


def find_notes(text: str) -> list[str]:
    """The checkpoints in a text, as people copy them out of a chat: with words between, whatever line ends.

    What looks like a part of one but is none is returned as well, for `read_note` to refuse.
    """
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    found = [match.group() for match in _NOTE.finditer(text)]
    left = _NOTE.sub("", text)
    return found + [line for line in left.splitlines() if line.startswith("— ")]


def _signed(key: PublicKey, text: str, signature: bytes) -> bool:
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(key.key).verify(text.encode(), signature)
    except BadSignatureError:
        return False
    return True


def _decoded(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise NotReadable("not base64") from None
    if b64encode(raw).decode() != text:  # two spellings of one signature would be two notes
        raise NotReadable("not base64 as it is written")
    return raw
