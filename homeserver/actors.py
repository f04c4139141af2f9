"""What the gate and the registrar do about effects addressed to them. All of it can be done twice."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from banyan.domain.effects import Effect
from banyan.errors import HomeserverDown
from banyan.matrix import Api
from banyan.services.outbox import Handler
from homeserver.admin import Admin
from homeserver.gatefile import GateFile

ADMIT: Final = "/_synapse/client/banyan/admit"
EXPEL: Final = "/_synapse/client/banyan/expel"


class GateActor:
    """Writes the table that the gate reads, and asks the gate to join people and to take them out."""

    def __init__(self, file: GateFile, gate: Api, moved: Callable[[], None]) -> None:
        """`gate` carries the gate's secret as its token; `moved` is told before somebody's rooms change."""
        self._file = file
        self._gate = gate
        self._moved = moved

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {
            "admit": self.admit,
            "allow": self.allow,
            "close": self.close,
            "expel": self.expel,
            "freeze": self.freeze,
            "invite": self.invite,
            "forget_token": self.forget_token,
            "withdraw": self.withdraw,
        }

    async def invite(self, effect: Effect) -> Mapping[str, Any]:
        """Let a token stand for a pseudonym."""
        payload = effect.payload
        expires = datetime.fromisoformat(payload["expires"])
        self._file.token(payload["token_hash"], payload["localpart"], expires)
        return {}

    async def forget_token(self, effect: Effect) -> Mapping[str, Any]:
        """End a token that was used or ran out."""
        self._file.forget_token(effect.payload["token_hash"])
        return {}

    async def allow(self, effect: Effect) -> Mapping[str, Any]:
        """Let a member into rooms."""
        self._file.allow(effect.payload["user_id"], effect.payload["room_ids"])
        self._moved()
        return {}

    async def withdraw(self, effect: Effect) -> Mapping[str, Any]:
        """Let a member into rooms no longer."""
        self._file.withdraw(effect.payload["user_id"], effect.payload["room_ids"])
        self._moved()
        return {}

    async def close(self, effect: Effect) -> Mapping[str, Any]:
        """Let nobody into a room that is gone: else the gate would go on trying to."""
        self._file.close(effect.payload["room_id"])
        self._moved()
        return {}

    async def freeze(self, effect: Effect) -> Mapping[str, Any]:
        """Let a member in nowhere any more, whatever waits for them or is asked for later."""
        self._file.freeze(effect.payload["user_id"])
        self._moved()
        return {}

    async def expel(self, effect: Effect) -> Mapping[str, Any]:
        """Take a member out of rooms (`room_ids`: null for every one), private chats too, and keep them out.

        Tried again until no room refuses. Result: `{"left": how many}`.
        """
        user_id, room_ids = effect.payload["user_id"], effect.payload["room_ids"]
        self._file.withdraw(user_id, room_ids)
        self._moved()
        body = {"user_id": user_id, "room_ids": room_ids}
        answer = await self._gate.request("POST", EXPEL, body=body, timeout=60, repeatable=True)
        if answer["refused"]:
            raise HomeserverDown("Some rooms did not let the member go yet.")
        return {"left": len(answer["left"])}

    async def admit(self, effect: Effect) -> Mapping[str, Any]:
        """Have the gate join a member to every room the table says. Tried again until none refuses."""
        self._moved()
        body = {"user_id": effect.payload["user_id"]}
        answer = await self._gate.request("POST", ADMIT, body=body, timeout=60, repeatable=True)
        if answer["refused"]:
            raise HomeserverDown("Some rooms did not take the member yet.")
        return {"joined": len(answer["joined"]), "already": answer["already"]}


class RegistrarActor:
    """Makes and ends registration tokens, and ends accounts' sessions."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {
            "registration_token": self.registration_token,
            "end_token": self.end_token,
            "end_sessions": self.end_sessions,
            "new_password": self.new_password,
            "lock": self.lock,
        }

    async def registration_token(self, effect: Effect) -> Mapping[str, Any]:
        """Let a token register until it expires."""
        expires = datetime.fromisoformat(effect.payload["expires"])
        await self._admin.create_registration_token(effect.payload["token"], expires=expires)
        return {}

    async def end_token(self, effect: Effect) -> Mapping[str, Any]:
        """End a token before its time."""
        await self._admin.delete_registration_token(effect.payload["token"])
        return {}

    async def end_sessions(self, effect: Effect) -> Mapping[str, Any]:
        """Log every device of an account out for good: each forgets what it holds when it asks next.

        Before the lock, for a locked account's devices are told to keep it (`soft_logout`).
        """
        user_id = effect.payload["user_id"]
        if await self._exists(user_id):
            await self._admin.delete_devices(user_id)
        return {}

    async def new_password(self, effect: Effect) -> Mapping[str, Any]:
        """Set a password that nobody knows, us included, and end what the old one has opened meanwhile."""
        user_id = effect.payload["user_id"]
        if await self._exists(user_id):
            await self._admin.reset_password(user_id, secrets.token_urlsafe(32))
        return {}

    async def lock(self, effect: Effect) -> Mapping[str, Any]:
        """Lock an account. A login that had begun before may have opened a session: it is ended too."""
        user_id = effect.payload["user_id"]
        if await self._exists(user_id):
            await self._admin.lock(user_id)
            await self._admin.delete_devices(user_id)
        return {}

    async def _exists(self, user_id: str) -> bool:
        """Whether anybody registered under that name: the admin API would make the account."""
        return await self._admin.user(user_id) is not None
