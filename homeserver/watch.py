"""Watching our own accounts: no device but their own, one identity.

Anything else is somebody's hand in the server. The homeserver can give an account a device in one request,
and tokens can be stolen. Nobody shares keys with a device that is not signed, and whoever would sign one
needs seeds that are elsewhere: so it is seen, and told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from banyan.matrix import Api
from homeserver.admin import Admin
from homeserver.names import WARDEN


class Intrusion(StrEnum):
    """What somebody did to one of our accounts."""

    WARDEN_DEVICE = "warden-has-device"
    WARDEN_IDENTITY = "warden-identity-changed"
    DEVICE = "account-has-device"
    IDENTITY = "account-identity-changed"


@dataclass(frozen=True)
class Watched:
    """One account of ours, and what it ought to have."""

    name: str
    user_id: str
    device_id: str | None
    """Its one device; None for an account that owns none."""
    master_key: str | None = None
    """The public half of the identity that it was given; None for one without."""
    retired: frozenset[str] = frozenset()
    """Devices of which we lost the store: they are known for some days more."""


class Watch:
    """Looks at our accounts: their devices as the registrar sees them, their identities as everybody does."""

    def __init__(self, admin: Admin, warden: Api) -> None:
        """`warden` acts as the warden: others are not told keys of whom they share no room with."""
        self._admin = admin
        self._warden = warden

    async def look(self, accounts: Sequence[Watched]) -> frozenset[tuple[Intrusion, str]]:
        """What is wrong now, and with whom; empty when all is well. Raises MatrixError and HomeserverDown."""
        identities = await self._identities(accounts)
        found = set()
        for account in accounts:
            own = account.name == WARDEN
            devices = {*await self._admin.devices(account.user_id)}
            if devices - {account.device_id, *account.retired}:
                found.add((Intrusion.WARDEN_DEVICE if own else Intrusion.DEVICE, account.name))
            published = identities.get(account.user_id)
            if account.master_key and published not in (None, account.master_key):
                found.add((Intrusion.WARDEN_IDENTITY if own else Intrusion.IDENTITY, account.name))
        return frozenset(found)

    async def _identities(self, accounts: Sequence[Watched]) -> Mapping[str, str]:
        """User id → published master key (empty for none), of those whose keys the warden is told."""
        asked: dict[str, list[str]] = {account.user_id: [] for account in accounts if account.master_key}
        answer = await self._warden.request(
            "POST", "/keys/query", body={"device_keys": asked}, repeatable=True
        )
        # an account in no room is not even told its own keys (MSC4263): then there is nothing to judge
        told = answer.get("device_keys", {})
        keys = answer.get("master_keys", {})
        return {
            who: next(iter(keys.get(who, {}).get("keys", {}).values()), "") for who in asked if who in told
        }
