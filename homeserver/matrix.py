"""What the keeper and the warden do in rooms."""

from collections.abc import Mapping
from typing import Any

from banyan.matrix import Api

JSON = dict[str, Any]


class Matrix(Api):
    """The part of the client-server API that an account without a device needs."""

    async def whoami(self) -> JSON:
        """Return `user_id` and, when the token belongs to one, `device_id`."""
        return dict(await self.request("GET", "/account/whoami"))

    async def create_room(self, body: Mapping[str, Any]) -> str:
        """Make a room and return its id. Not repeated when the answer is lost: the room may exist."""
        return str((await self.request("POST", "/createRoom", body=body, timeout=60))["room_id"])

    async def put_state(
        self, room_id: str, kind: str, content: Mapping[str, Any], state_key: str = ""
    ) -> str:
        """Set a state event and return its id."""
        path = "/rooms/{}/state/{}/{}"
        return str((await self.request("PUT", path, room_id, kind, state_key, body=content))["event_id"])

    async def get_state(self, room_id: str) -> list[JSON]:
        """Return every state event of a room the account is in."""
        return list(await self.request("GET", "/rooms/{}/state", room_id))

    async def joined_rooms(self) -> list[str]:
        """Return the rooms the account is in."""
        return list((await self.request("GET", "/joined_rooms"))["joined_rooms"])

    async def joined_members(self, room_id: str) -> set[str]:
        """Return who is in a room the account is in."""
        return set((await self.request("GET", "/rooms/{}/joined_members", room_id))["joined"])

    async def join(self, room_id: str) -> None:
        """Join, or stay joined."""
        await self.request("POST", "/join/{}", room_id, timeout=60, repeatable=True)

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invite; asking again for somebody invited does no harm."""
        await self._move("/rooms/{}/invite", room_id, user_id)

    async def kick(self, room_id: str, user_id: str) -> None:
        """Remove somebody or take an invitation back."""
        await self._move("/rooms/{}/kick", room_id, user_id)

    async def leave(self, room_id: str) -> None:
        """Leave, or stay out."""
        await self.request("POST", "/rooms/{}/leave", room_id, repeatable=True)

    async def _move(self, path: str, room_id: str, user_id: str) -> None:
        await self.request("POST", path, room_id, body={"user_id": user_id}, repeatable=True)
