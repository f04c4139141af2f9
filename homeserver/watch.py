"""Watching the warden: no device, one identity. Anything else is somebody's hand in the homeserver.

A deviceless account is protected by watching, not by cryptography: the homeserver can give it a device in one
request. Nobody shares keys with an unsigned one, and whoever would sign it needs seeds that are offline.
"""

from enum import StrEnum

from banyan.matrix import Api
from homeserver.admin import Admin


class Intrusion(StrEnum):
    """What somebody did to the warden."""

    DEVICE = "warden-has-device"
    IDENTITY = "warden-identity-changed"


class Watch:
    """Looks at the warden: its devices as the registrar sees them, its identity as everybody does."""

    def __init__(self, admin: Admin, warden: Api, user_id: str, master_key: str) -> None:
        """`warden` acts as the warden: others are not told its keys unless they share a room with it.

        `master_key` is the public half of the identity that was published at the first start.
        """
        self._admin = admin
        self._warden = warden
        self._user_id = user_id
        self._master_key = master_key

    async def look(self) -> frozenset[Intrusion]:
        """What is wrong now; empty when all is well. Raises MatrixError and HomeserverDown."""
        found = set()
        answer = await self._warden.request(
            "POST", "/keys/query", body={"device_keys": {self._user_id: []}}, repeatable=True
        )
        if await self._admin.devices(self._user_id) or answer.get("device_keys", {}).get(self._user_id):
            found.add(Intrusion.DEVICE)
        # an account in no room is not even told its own keys (MSC4263): then there is nothing to judge
        told = self._user_id in answer.get("device_keys", {})
        published = answer.get("master_keys", {}).get(self._user_id, {}).get("keys", {})
        if told and list(published.values()) != [self._master_key]:
            found.add(Intrusion.IDENTITY)
        return frozenset(found)
