"""A module for the peer's Synapse: joins people, asks nothing. Runs inside Synapse, in benchmarks only."""

from typing import Any

from synapse.module_api import (
    DirectServeJsonResource,
    ModuleApi,
    SynapseRequest,
    parse_json_object_from_request,
)

PATH = "/_synapse/client/bench/join"
GATES_PING = "/_synapse/client/banyan/ping"
"""Our supervisor asks here whether Synapse is up."""


class BareJoins:
    """POST {"user_id", "rooms": [[room id, who invites or null], …]} → {}."""

    def __init__(self, _config: dict[str, Any], api: ModuleApi) -> None:
        api.register_web_resource(PATH, _Join(api))
        api.register_web_resource(GATES_PING, _Ping())


class _Join(DirectServeJsonResource):  # type: ignore[misc] # Synapse is Any to mypy
    def __init__(self, api: ModuleApi) -> None:
        super().__init__()
        self._api = api

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        body = parse_json_object_from_request(request)
        for room_id, inviter in body["rooms"]:
            if inviter is not None:
                await self._api.update_room_membership(inviter, body["user_id"], room_id, "invite")
            await self._api.update_room_membership(body["user_id"], body["user_id"], room_id, "join")
        return 200, {}


class _Ping(DirectServeJsonResource):  # type: ignore[misc] # Synapse is Any to mypy
    async def _async_render_POST(self, _request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        return 200, {"table": True, "refused": {}}
