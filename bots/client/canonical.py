"""Canonical JSON, unpadded base64 and ed25519 as Matrix writes them (specification, appendices)."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import vodozemac
from nacl.signing import SigningKey

Json = dict[str, Any]


def canonical_json(value: Any) -> bytes:
    """The one way to write `value` that signatures are made over."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.encode()


def encode(raw: bytes) -> str:
    """Base64 without padding."""
    return base64.b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Read base64 with or without padding. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64") from error


def public_key(key: SigningKey) -> str:
    """The public half, as published."""
    return encode(bytes(key.verify_key))


def sign(key: SigningKey, value: Mapping[str, Any]) -> str:
    """Sign a JSON object, leaving out what signatures never cover."""
    return encode(key.sign(canonical_json(_signed_part(value))).signature)


def signed_by(value: Mapping[str, Any], user_id: str, key_id: str, key: str) -> bool:
    """Whether `value` carries a good signature of `user_id` by the ed25519 `key` named `key_id`.

    Anything may stand in `value`, it comes from the server: what is not well-formed is not signed.
    """
    try:
        signature = vodozemac.Ed25519Signature.from_base64(value["signatures"][user_id][f"ed25519:{key_id}"])
        public = vodozemac.Ed25519PublicKey.from_base64(key)
        public.verify_signature(canonical_json(_signed_part(value)), signature)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    return True


def _signed_part(value: Mapping[str, Any]) -> Json:
    return {name: part for name, part in value.items() if name not in ("signatures", "unsigned")}
