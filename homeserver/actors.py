"""What the gate and the registrar do about effects addressed to them. All of it can be done twice."""

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


class GateActor:
    """Writes the table that the gate reads, and asks the gate to join people."""

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

    async def admit(self, effect: Effect) -> Mapping[str, Any]:
        """Have the gate join a member to every room the table says. Tried again until none refuses."""
        self._moved()
        body = {"user_id": effect.payload["user_id"]}
        answer = await self._gate.request("POST", ADMIT, body=body, timeout=60, repeatable=True)
        if answer["refused"]:
            raise HomeserverDown("Some rooms did not take the member yet.")
        return {"joined": len(answer["joined"]), "already": answer["already"]}


class RegistrarActor:
    """Makes and ends registration tokens."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"registration_token": self.registration_token, "end_token": self.end_token}

    async def registration_token(self, effect: Effect) -> Mapping[str, Any]:
        """Let a token register until it expires."""
        expires = datetime.fromisoformat(effect.payload["expires"])
        await self._admin.create_registration_token(effect.payload["token"], expires=expires)
        return {}

    async def end_token(self, effect: Effect) -> Mapping[str, Any]:
        """End a token before its time."""
        await self._admin.delete_registration_token(effect.payload["token"])
        return {}
