"""Synapse's admin API, as the registrar uses it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from banyan.matrix import Api, MatrixError

V1: Final = "/_synapse/admin/v1"
V2: Final = "/_synapse/admin/v2"
_PAGE: Final = 500


class Admin(Api):
    """Registration tokens, accounts, rooms and other servers. Raises MatrixError and HomeserverDown."""

    # Registration tokens

    async def create_registration_token(
        self, token: str, *, expires: datetime, uses: int | None = None
    ) -> None:
        """Let `token` (letters, digits, `._~-`, at most 64) register until it expires.

        `uses=None` counts no uses: the gate gives each token one name, so a second account cannot come of it,
        while a counted use is held back for two days by an attempt that broke off in the middle. Making the
        same token again changes it.
        """
        limits = {"uses_allowed": uses, "expiry_time": int(expires.timestamp() * 1000)}
        try:
            await self.request("POST", f"{V1}/registration_tokens/new", body={"token": token, **limits})
        except MatrixError as error:
            if error.status != 400:  # noqa: PLR2004 - Synapse says 400 for a token that exists
                raise
            await self.request("PUT", V1 + "/registration_tokens/{}", token, body=limits)

    async def registration_tokens(self, *, valid: bool | None = None) -> list[dict[str, Any]]:
        """Return all tokens, or those that are valid now, or are not."""
        params = {} if valid is None else {"valid": str(valid).lower()}
        answer = await self.request("GET", f"{V1}/registration_tokens", params=params)
        return list(answer["registration_tokens"])

    async def delete_registration_token(self, token: str) -> bool:
        """End a token. False when there is none."""
        return await self._found("DELETE", V1 + "/registration_tokens/{}", token)

    # Accounts

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """Return what Synapse knows of an account (`locked`, `deactivated`, `admin`, …), None without one."""
        try:
            return dict(await self.request("GET", V2 + "/users/{}", user_id))
        except MatrixError as error:
            if error.status == 404:  # noqa: PLR2004
                return None
            raise

    async def users(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every account but guests, deactivated ones included."""
        params: dict[str, str | int] = {"limit": _PAGE, "guests": "false", "deactivated": "true"}
        while True:
            answer = await self.request("GET", f"{V2}/users", params=params)
            for user in answer["users"]:
                yield user
            if "next_token" not in answer:
                return
            params["from"] = answer["next_token"]

    async def override_ratelimit(self, user_id: str) -> None:
        """Let one of our accounts send without a limit.

        `rate_limited: false` is not enough: it covers the application service's token, not the account's own.
        """
        body = {"messages_per_second": 0, "burst_count": 0}
        await self.request("POST", V1 + "/users/{}/override_ratelimit", user_id, body=body, repeatable=True)

    async def lock(self, user_id: str, *, locked: bool = True) -> None:
        """Lock an account (no login, 401 everywhere; the client keeps its data) or open it again."""
        await self.request("PUT", V2 + "/users/{}", user_id, body={"locked": locked})

    async def devices(self, user_id: str) -> list[str]:
        """Return the ids of the account's devices."""
        answer = await self.request("GET", V2 + "/users/{}/devices", user_id)
        return [device["device_id"] for device in answer["devices"]]

    async def delete_devices(self, user_id: str, device_ids: list[str] | None = None) -> None:
        """End sessions: these devices', or all."""
        doomed = await self.devices(user_id) if device_ids is None else device_ids
        path, body = V2 + "/users/{}/delete_devices", {"devices": doomed}
        await self.request("POST", path, user_id, body=body, repeatable=True)

    async def reset_password(self, user_id: str, password: str, *, end_sessions: bool = True) -> None:
        """Set a passphrase; ends all sessions unless told otherwise."""
        body = {"new_password": password, "logout_devices": end_sessions}
        await self.request("POST", V1 + "/reset_password/{}", user_id, body=body, repeatable=True)

    # Rooms

    async def rooms(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every room (`room_id`, `joined_members`, `encryption`, `creator`, …)."""
        params: dict[str, str | int] = {"limit": _PAGE}
        while True:
            answer = await self.request("GET", f"{V1}/rooms", params=params)
            for room in answer["rooms"]:
                yield room
            if "next_batch" not in answer:
                return
            params["from"] = answer["next_batch"]

    async def room_state(self, room_id: str) -> list[dict[str, Any]]:
        """Return every state event of a room, whoever is in it."""
        return list((await self.request("GET", V1 + "/rooms/{}/state", room_id))["state"])

    async def delete_room(self, room_id: str) -> bool:
        """Remove everybody from a room and purge it, in the background. False when there is none."""
        body = {"purge": True, "block": False}
        return await self._found("DELETE", V2 + "/rooms/{}", room_id, body)

    async def has_room(self, room_id: str) -> bool:
        """Whether there is such a room, or it is still being deleted."""
        return await self._found("GET", V1 + "/rooms/{}", room_id)

    # Other servers

    async def owes(self, server: str) -> bool:
        """Whether a server that answers has not been sent yet what was said in a room while it was there."""
        path = V1 + "/federation/destinations/{}"
        try:
            known = await self.request("GET", path, server)
            rooms = (await self.request("GET", path + "/rooms", server, params={"limit": _PAGE}))["rooms"]
        except MatrixError as error:
            if error.status == 404:  # noqa: PLR2004
                return False
            raise
        sent = known["last_successful_stream_ordering"] or 0
        return known["failure_ts"] is None and any(room["stream_ordering"] > sent for room in rooms)

    async def _found(self, method: str, path: str, segment: str, body: dict[str, Any] | None = None) -> bool:
        try:
            await self.request(method, path, segment, body=body)
        except MatrixError as error:
            if error.status == 404:  # noqa: PLR2004
                return False
            raise
        return True
