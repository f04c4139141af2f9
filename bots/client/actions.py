"""What an account does in rooms that needs no encryption: one request each."""

import json
from collections.abc import Mapping
from typing import Any

from banyan.matrix import Api, MatrixError
from bots.client.canonical import Json

PAGES = 20
"""Of a hundred reactions each: a homeserver could go on for ever."""


class Actions:
    """Requests of one account. They raise MatrixError, Unauthorized or HomeserverDown."""

    def __init__(self, api: Api, user_id: str) -> None:
        self._api = api
        self.user_id = user_id

    async def create_room(self, body: Json) -> str:
        """Create a room and return its id. Not tried again by itself: that could make two."""
        return str((await self._api.request("POST", "/createRoom", body=body, timeout=60))["room_id"])

    async def event(self, room_id: str, event_id: str) -> Json:
        """One event as the homeserver has it, encrypted or not."""
        found: Json = await self._api.request("GET", "/rooms/{}/event/{}", room_id, event_id)
        return found

    async def join(self, room_id_or_alias: str) -> str:
        """Join a room and return its id."""
        path = "/join/{}"
        answer = await self._api.request("POST", path, room_id_or_alias, timeout=60, repeatable=True)
        return str(answer["room_id"])

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invite somebody."""
        body = {"user_id": user_id}
        await self._api.request("POST", "/rooms/{}/invite", room_id, body=body, repeatable=True)

    async def redact(self, room_id: str, event_id: str, *, txn_id: str) -> str:
        """Erase an event and return the redaction's id."""
        path = "/rooms/{}/redact/{}/{}"
        return str((await self._api.request("PUT", path, room_id, event_id, txn_id))["event_id"])

    async def mark_read(self, room_id: str, event_id: str) -> None:
        """Tell the room that we have read up to an event."""
        path = "/rooms/{}/receipt/m.read/{}"
        await self._api.request("POST", path, room_id, event_id, repeatable=True)

    async def put_state(
        self,
        room_id: str,
        type: str,  # noqa: A002
        content: Mapping[str, Any],
        *,
        state_key: str = "",
    ) -> str:
        """Set a piece of room state and return its event id."""
        path = "/rooms/{}/state/{}/{}"
        return str((await self._api.request("PUT", path, room_id, type, state_key, body=content))["event_id"])

    async def get_state(self, room_id: str, type: str, *, state_key: str = "") -> Json | None:  # noqa: A002
        """Content of a piece of room state; None when there is none."""
        try:
            content: Json = await self._api.request("GET", "/rooms/{}/state/{}/{}", room_id, type, state_key)
        except MatrixError as error:
            if error.errcode == "M_NOT_FOUND":
                return None
            raise
        return content

    async def reactions(self, room_id: str, event_id: str) -> list[Json]:
        """What was tapped under an event and not taken back, the newest first: `PAGES` of them at most."""
        path = "/_matrix/client/v1/rooms/{}/relations/{}/m.annotation/m.reaction"
        found: list[Json] = []
        params = {"limit": "100"}
        for _ in range(PAGES):
            answer = await self._api.request("GET", path, room_id, event_id, params=params)
            found += answer.get("chunk", [])
            if "next_batch" not in answer:
                break
            params["from"] = answer["next_batch"]
        return found

    async def find_own(self, room_id: str, key: str, value: str, *, not_before_ms: int) -> str | None:
        """Find our newest event with this key in clear (`beside`), looking back as far as `not_before_ms`.

        Returns its event id.
        """
        mine = json.dumps({"senders": [self.user_id]})
        params = {"dir": "b", "limit": "100", "filter": mine}
        while True:
            answer = await self._api.request("GET", "/rooms/{}/messages", room_id, params=params)
            for event in answer.get("chunk", []):
                if event.get("origin_server_ts", 0) < not_before_ms:
                    return None
                if event.get("sender") == self.user_id and event.get("content", {}).get(key) == value:
                    return str(event["event_id"])
            if "end" not in answer:
                return None
            params["from"] = answer["end"]
