"""What a homeserver's answer about a person's keys is worth, computed from the answer itself.

The chain is master key, self-signing key, device (specification, cross-signing). A device also signs itself,
so nobody can publish another person's key as their own device.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bots.client.canonical import signed_by


class Trust(Enum):
    """How sure we are that a device is its owner's."""

    UNKNOWN = "unknown"
    """We cannot tell which device it was: a message in clear, or a device the homeserver does not list."""
    UNSIGNED = "unsigned"
    """A device of the account that its owner has not vouched for: a thief with the password has one."""
    OWNER_SIGNED = "owner-signed"
    """Vouched for by the identity that we saw first."""
    CHANGED = "changed"
    """Vouched for by another identity than the one we saw first: a reset, or a homeserver that lies."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device, with the keys we use for it."""

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str
    owner_signed: bool
    """By the owner's present identity, whichever that is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The cross-signing keys of one person, as far as they are well-formed and hang together."""

    master_key: str
    self_signing_key: str | None


def read_identity(user_id: str, answer: Mapping[str, Any]) -> Identity | None:
    """Take a person's identity out of a /keys/query answer."""
    master = _only_key(answer.get("master_keys"), user_id, "master")
    if master is None:
        return None
    signing = _only_key(answer.get("self_signing_keys"), user_id, "self_signing")
    if signing is not None and not signed_by(answer["self_signing_keys"][user_id], user_id, master, master):
        signing = None
    return Identity(master, signing)


def read_devices(user_id: str, answer: Mapping[str, Any], identity: Identity | None) -> list[Device]:
    """Take a person's devices out of a /keys/query answer, leaving out those that are not well-formed."""
    listed = answer.get("device_keys")
    own = listed.get(user_id) if isinstance(listed, Mapping) else None
    if not isinstance(own, Mapping):
        return []
    found = (_device(user_id, device_id, keys, identity) for device_id, keys in own.items())
    return [device for device in found if device is not None]


def _device(user_id: str, device_id: str, keys: Any, identity: Identity | None) -> Device | None:
    try:
        if (keys["user_id"], keys["device_id"]) != (user_id, device_id):
            return None
        ed25519 = keys["keys"][f"ed25519:{device_id}"]
        curve25519 = keys["keys"][f"curve25519:{device_id}"]
    except (KeyError, TypeError):
        return None
    if not (isinstance(ed25519, str) and isinstance(curve25519, str)):
        return None
    if not signed_by(keys, user_id, device_id, ed25519):
        return None
    signing = identity.self_signing_key if identity else None
    vouched = signing is not None and signed_by(keys, user_id, signing, signing)
    return Device(user_id, device_id, ed25519, curve25519, vouched)


def _only_key(section: Any, user_id: str, usage: str) -> str | None:
    try:
        value = section[user_id]
        if value["user_id"] != user_id or usage not in value["usage"]:
            return None
        ((name, key),) = value["keys"].items()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return key if isinstance(key, str) and name == f"ed25519:{key}" else None
