"""What the warden does in joint rooms about people on partner servers. All of it can be done twice."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from banyan.domain.effects import Effect
from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError
from banyan.services.outbox import Handler, Never
from homeserver.matrix import Matrix
from policies.partners import server_of

_TRIES: Final = 4
"""Attempts at a step of cutting off. The steps after it must not wait for ever: they cut the server off even
where a room cannot be reached."""

_PATIENCE: Final = 5.0
"""Seconds for one request of such an attempt, limits included."""

_HERE: Final = ("join", "invite", "knock")


class PartnerRooms:
    """Invites, removes and bans people on other servers, and shuts rooms to servers."""

    def __init__(self, warden: Matrix) -> None:
        self._warden = warden

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {
            "acl": partial(_not_for_ever, self.acl),
            "ban": partial(_not_for_ever, self.ban),
            "invite": self.invite,
            "kick": partial(_not_for_ever, self.kick),
        }

    async def invite(self, effect: Effect) -> Mapping[str, Any]:
        """Invite somebody, lifting a ban. Tried until their server answers; what is refused is over."""
        room_id, user_id = effect.payload["room_id"], effect.payload["user_id"]
        membership = await self._membership(room_id, user_id)
        if membership in _HERE:
            return {"people": 0}
        try:
            if membership == "ban":
                await self._move("unban", room_id, user_id)
            await self._warden.invite(room_id, user_id)
        except MatrixError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                raise Never("invitation-refused") from None
            raise
        return {"people": 1}

    async def kick(self, effect: Effect) -> Mapping[str, Any]:
        """Take somebody out."""
        room_id, user_id = effect.payload["room_id"], effect.payload["user_id"]
        if await self._membership(room_id, user_id) not in _HERE:
            return {"people": 0}
        await self._move("kick", room_id, user_id)
        return {"people": 1}

    async def ban(self, effect: Effect) -> Mapping[str, Any]:
        """Ban everybody on a server from a room, those too who have left it or were taken out."""
        room_id, server = effect.payload["room_id"], effect.payload["server"]
        theirs = [
            user_id
            for user_id, membership in (await self._memberships(room_id)).items()
            if membership != "ban" and server_of(user_id) == server
        ]
        for user_id in theirs:
            await self._move("ban", room_id, user_id)
        return {"people": len(theirs)}

    async def acl(self, effect: Effect) -> Mapping[str, Any]:
        """Have a room accept events of these servers only."""
        room_id, content = effect.payload["room_id"], effect.payload["content"]
        if await self._state(room_id, "m.room.server_acl") == content:
            return {"changed": False}
        await self._warden.put_state(room_id, "m.room.server_acl", content)
        return {"changed": True}

    async def _membership(self, room_id: str, user_id: str) -> str | None:
        membership = (await self._state(room_id, "m.room.member", user_id)).get("membership")
        return membership if isinstance(membership, str) else None

    async def _memberships(self, room_id: str) -> dict[str, str]:
        found = await self._warden.request("GET", "/rooms/{}/members", room_id, patience=_PATIENCE)
        return {each["state_key"]: str(each["content"].get("membership")) for each in found["chunk"]}

    async def _state(self, room_id: str, kind: str, state_key: str = "") -> dict[str, Any]:
        path = "/rooms/{}/state/{}/{}"
        try:
            found = await self._warden.request("GET", path, room_id, kind, state_key, patience=_PATIENCE)
        except MatrixError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        return dict(found)

    async def _move(self, how: str, room_id: str, user_id: str) -> None:
        path, body = "/rooms/{}/" + how, {"user_id": user_id}
        await self._warden.request("POST", path, room_id, body=body, patience=_PATIENCE, repeatable=True)


async def _not_for_ever(handler: Handler, effect: Effect) -> Mapping[str, Any]:
    """Give up in the end, so that what comes after is done."""
    try:
        return await handler(effect)
    except (MatrixError, HomeserverDown) as error:
        if effect.attempts + 1 >= _TRIES:
            raise Never(f"given-up-{error.code}") from None
        raise
