"""Devices without a client: to be shared keys with, and to misbehave."""

from typing import Any

import vodozemac

from bots.client.canonical import canonical_json, encode
from tests.bots.client.fake_homeserver import FakeHomeserver


class Stranger:
    """One device whose keys are on the fake homeserver, with some one-time keys."""

    def __init__(
        self, fake: FakeHomeserver, user_id: str, device_id: str = "S", one_time_keys: int = 5
    ) -> None:
        self.fake, self.user_id, self.device_id = fake, user_id, device_id
        self.account = vodozemac.Account()
        self.curve25519 = self.account.curve25519_key.to_base64()
        self.ed25519 = self.account.ed25519_key.to_base64()
        fake.accounts[user_id].devices[device_id] = self.signed(
            {
                "user_id": user_id,
                "device_id": device_id,
                "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
                "keys": {f"curve25519:{device_id}": self.curve25519, f"ed25519:{device_id}": self.ed25519},
            }
        )
        self.account.generate_one_time_keys(one_time_keys)
        for name, key in self.account.one_time_keys.items():
            signed = self.signed({"key": key.to_base64()})
            fake.one_time[user_id, device_id][f"signed_curve25519:{name}"] = signed
        fake.touch(user_id)

    def signed(self, value: dict[str, Any]) -> dict[str, Any]:
        signature = self.account.sign(canonical_json(value)).to_base64()
        return value | {"signatures": {self.user_id: {f"ed25519:{self.device_id}": signature}}}

    def olm(self, user_id: str, device_id: str, payload: Any, **over: Any) -> dict[str, Any]:
        """Encrypt anything for a device, as a first message; `over` replaces parts of the payload."""
        keys = self.fake.accounts[user_id].devices[device_id]["keys"]
        name = next(iter(self.fake.one_time[user_id, device_id]))
        one_time = self.fake.one_time[user_id, device_id].pop(name)["key"]
        curve25519 = keys[f"curve25519:{device_id}"]
        session = self.account.create_outbound_session(
            vodozemac.Curve25519PublicKey.from_base64(curve25519),
            vodozemac.Curve25519PublicKey.from_base64(one_time),
        )
        if isinstance(payload, dict):
            payload = {
                "sender": self.user_id,
                "recipient": user_id,
                "recipient_keys": {"ed25519": keys[f"ed25519:{device_id}"]},
                "keys": {"ed25519": self.ed25519},
                **payload,
                **over,
            }
        plaintext = payload if isinstance(payload, bytes) else canonical_json(payload)
        kind, ciphertext = session.encrypt(plaintext).to_parts()
        return {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": self.curve25519,
            "ciphertext": {curve25519: {"type": kind, "body": encode(ciphertext)}},
        }
