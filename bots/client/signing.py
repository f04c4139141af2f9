"""Cross-signing: the identity by which an account vouches for its devices.

Three ed25519 keys, kept as seeds. Whoever has the seeds is the account to every client that has seen it, so
they are kept for ever and backed up; a lost device then harms nothing. The same functions serve bots, the
warden, which has no device at all, and sample members.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import structlog
from nacl.signing import SigningKey

from banyan.files import write_private
from banyan.matrix import Api
from bots.client.canonical import Json, public_key, sign, signed_by
from bots.client.errors import IdentityLost, SigningFailed

log = structlog.get_logger()

SEED_BYTES = 32
NAMES = ("master", "self_signing", "user_signing")


@dataclass(frozen=True, slots=True)
class Seeds:
    """The private halves: master, self-signing and user-signing key."""

    master: SigningKey = field(repr=False)
    self_signing: SigningKey = field(repr=False)
    user_signing: SigningKey = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Make an identity."""
        return cls.from_bytes(secrets.token_bytes(SEED_BYTES * len(NAMES)))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read 96 bytes. Raises ValueError."""
        if len(raw) != SEED_BYTES * len(NAMES):
            raise ValueError("cross-signing seeds are 96 bytes")
        return cls(*(SigningKey(raw[at : at + SEED_BYTES]) for at in range(0, len(raw), SEED_BYTES)))

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read the file that `save` wrote; None when there is none."""
        return cls.from_bytes(path.read_bytes()) if path.exists() else None

    def save(self, path: Path) -> None:
        """Write them with mode 0600."""
        write_private(path, bytes(self.master) + bytes(self.self_signing) + bytes(self.user_signing))

    @property
    def identity(self) -> str:
        """The public master key, unpadded base64: what others know the account by."""
        return public_key(self.master)

    def public_keys(self, user_id: str) -> Json:
        """Body of /keys/device_signing/upload."""
        master = public_key(self.master)
        keys: Json = {}
        for name in NAMES:
            public = public_key(getattr(self, name))
            key = {"user_id": user_id, "usage": [name], "keys": {f"ed25519:{public}": public}}
            if name != "master":
                key["signatures"] = {user_id: {f"ed25519:{master}": sign(self.master, key)}}
            keys[f"{name}_key"] = key
        return keys


async def publish_identity(api: Api, user_id: str, seeds_path: Path, *, replace: bool = False) -> Seeds:
    """See to it that the account's identity is the one in `seeds_path`, making both when there is neither.

    `api` acts as the account: by its own token, or by its application service's, which needs no device. Seeds
    are on the disk before anything is published. Raises IdentityLost when another identity is published,
    unless `replace` is set; replacing takes the application service's token. Raises what Api.request raises.
    """
    published = await published_master(api, user_id)
    seeds = Seeds.load(seeds_path)
    if seeds is not None and published == public_key(seeds.master):
        return seeds
    if published is not None:
        if not replace:
            raise IdentityLost
        log.error("identity.replaced", account=user_id.partition(":")[0])
    if seeds is None:
        seeds = Seeds.new()
        seeds.save(seeds_path)
    await api.request("POST", "/keys/device_signing/upload", body=seeds.public_keys(user_id), repeatable=True)
    return seeds


async def sign_device(api: Api, seeds: Seeds, device_keys: Mapping[str, Any]) -> None:
    """Vouch for a device, given by its public keys as it published them, unless that was done before.

    Ours, not as the homeserver lists them: else it could have us sign a device of its own making. Raises
    SigningFailed and what Api.request raises; the homeserver answers 200 to a signature it refuses.
    """
    user_id, device_id = device_keys["user_id"], device_keys["device_id"]
    public = public_key(seeds.self_signing)
    listed = await _query(api, user_id, [device_id])
    if signed_by(listed.get("device_keys", {}).get(user_id, {}).get(device_id, {}), user_id, public, public):
        return  # once more would have everybody ask for our devices again
    unsigned = {name: part for name, part in device_keys.items() if name not in ("signatures", "unsigned")}
    signed = unsigned | {"signatures": {user_id: {f"ed25519:{public}": sign(seeds.self_signing, unsigned)}}}
    path, body = "/keys/signatures/upload", {user_id: {device_id: signed}}
    answer = await api.request("POST", path, body=body, repeatable=True)
    if answer.get("failures"):
        raise SigningFailed


async def published_master(api: Api, user_id: str) -> str | None:
    """Public master key of the account as the homeserver tells it; None when it tells none."""
    answer = await _query(api, user_id, [])
    try:
        (key,) = answer["master_keys"][user_id]["keys"].values()
    except (KeyError, ValueError):
        return None
    return str(key)


async def _query(api: Api, user_id: str, device_ids: list[str]) -> Json:
    answer: Json = await api.request(
        "POST", "/keys/query", body={"device_keys": {user_id: device_ids}}, repeatable=True
    )
    return answer
