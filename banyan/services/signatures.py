"""The signature of an alert, checked before anything of it is parsed."""

import base64
import binascii

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from banyan.domain.alerts import Sender
from banyan.services.intake_errors import BadSignature

PREFIX = b"banyan-alert-v1\n"
"""Keeps a signature made for us from meaning anything elsewhere, and the other way round."""

NOBODY = Sender("", bytes(SigningKey.generate().verify_key))
"""Checked in place of an unknown sender, so that guessing names costs as much and tells nothing."""


def verify(sender: Sender | None, signature: str, raw: bytes, name: str) -> Sender:
    """The sender whose Ed25519 signature (base64) over prefix, name and body this is.

    Raise `BadSignature` with one text for a wrong signature, an unknown and a revoked sender.
    """
    key = VerifyKey((sender or NOBODY).public_key)
    try:
        key.verify(signed(name, raw), _decoded(signature))
    except (BadSignatureError, binascii.Error, ValueError):
        sender = None
    if sender is None:
        raise BadSignature("The signature does not fit the body, or the sender is not enrolled.")
    return sender


def signed(name: str, raw: bytes) -> bytes:
    """The bytes that a sender signs."""
    return PREFIX + name.encode("utf-8", "surrogateescape") + b"\n" + raw


def _decoded(signature: str) -> bytes:
    decoded = base64.b64decode(signature, validate=True)
    # PyNaCl says so with another class than for a wrong signature of the right length.
    return decoded if len(decoded) == 64 else bytes(64)  # noqa: PLR2004 - Ed25519, RFC 8032
