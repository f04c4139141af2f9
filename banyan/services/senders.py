"""Who may send signed alerts."""

import base64
import binascii
import re
from collections.abc import Sequence

from nacl.bindings import crypto_core_ed25519_is_valid_point

from banyan.domain.alerts import Sender
from banyan.domain.log import Action, NewEntry
from banyan.errors import UsedWrongly
from banyan.services.ports import Work

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
KEY_BYTES = 32


class Senders:
    """Enrolling and revoking."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def enrol(
        self, name: str, public_key: str, *, direct: bool = False, by: str = "operator"
    ) -> Sender:
        """Accept alerts signed by this key (base64, Ed25519). `direct`: alone, within limits.

        Raise `UsedWrongly` for a bad name or key, `Taken` for a name that exists or was revoked.
        """
        if not NAME.fullmatch(name):
            raise UsedWrongly("A sender's name is 1 to 64 small letters, digits and dashes.")
        sender = Sender(name, _key(public_key), direct)
        async with self._work() as tx:
            await tx.senders.add(sender)
            await tx.log.append(NewEntry(Action.SENDER_ENROLLED, by, name, details={"direct": direct}))
        return sender

    async def revoke(self, name: str, *, by: str = "operator") -> None:
        """Refuse this sender's alerts from now on. Raise `NotFound`."""
        async with self._work() as tx:
            await tx.senders.revoke(name)
            await tx.log.append(NewEntry(Action.SENDER_REVOKED, by, name))

    async def list(self) -> Sequence[Sender]:
        """Those not revoked, by name."""
        async with self._work.reading() as tx:
            return await tx.senders.all()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    # A point of small order would let anybody sign in this sender's name.
    if len(key) != KEY_BYTES or not crypto_core_ed25519_is_valid_point(key):
        raise UsedWrongly("The public key must be 32 bytes of Ed25519 in base64.")
    return key
