"""What partner servers may ask about our people's devices: only of whom somebody there shares a room with.

Synapse answers any allowed server for any account, and so tells which pseudonyms exist. No callback is asked,
so we stand before the functions that answer. Where they have gone, this raises and Synapse does not start.
"""

from typing import Any, Final

from synapse.module_api import ModuleApi

from homeserver.gate.refusals import Refusals

_REASON: Final = "nobody-known"


class Neighbours:
    """Devices and keys are told to those who need them to encrypt, and to nobody else."""

    def __init__(self, api: ModuleApi, refusals: Refusals) -> None:
        self._hs = api._hs  # noqa: SLF001
        self._store = self._hs.get_datastores().main
        self._refusals = refusals

    def stand_before_keys(self) -> None:
        """Narrow each question of another server to people whom it may ask about."""
        server = self._hs.get_federation_server()
        keys, devices, claim = (
            server.on_query_client_keys,
            server.on_query_user_devices,
            server.on_claim_client_keys,
        )

        async def some_keys(origin: str, content: dict[str, Any]) -> Any:
            asked = content.get("device_keys")
            if isinstance(asked, dict):
                known = {user: each for user, each in asked.items() if await self._meets(user, origin)}
                content = content | {"device_keys": known}
            return await keys(origin, content)

        async def some_devices(origin: str, user_id: str) -> Any:
            if not await self._meets(user_id, origin):
                self._refusals.refuse(_REASON)
            return await devices(origin, user_id)

        async def some_one_time_keys(query: list[tuple[str, str, str, int]], **options: Any) -> Any:
            # who asks is not told here; that they know the device's name says that they were told once
            known = [each for each in query if await self._meets(each[0], None)]
            return await claim(known, **options)

        server.on_query_client_keys = some_keys
        server.on_query_user_devices = some_devices
        server.on_claim_client_keys = some_one_time_keys

    async def _meets(self, user_id: str, server: str | None) -> bool:
        """Whether somebody on that server (None: on any other) is in a room with the user."""
        for room_id in await self._store.get_rooms_for_user(user_id):
            hosts = await self._store.get_current_hosts_in_room(room_id)
            if server in hosts or (server is None and len(hosts) > 1):
                return True
        return False
