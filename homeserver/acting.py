"""Acting on the homeserver as one of our own accounts: the port that growing needs, and the real thing."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from banyan.domain.people import Accounts
from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError
from homeserver.admin import Admin
from homeserver.gatefile import GateFile
from homeserver.matrix import Matrix
from homeserver.names import KEEPER, REGISTRAR, SPEAKERS_SERVICE, WARDEN_SERVICE

Event = Mapping[str, Any]
"""A state event as the client-server API gives it."""

_DELETION_SECONDS: Final = 60.0
_DELETION_PAUSE: Final = 0.1
_DELETION_AGAIN: Final = 3.0
_BAD_REQUEST: Final = 400


class Homeserver(Protocol):
    """What growing a network needs of a homeserver. Everybody named is an account of ours.

    Every method may raise `MatrixError` and `HomeserverDown`.
    """

    def can_act_as(self, user_id: str) -> bool:
        """Whether that account's credential is here. The keeper's is offline most of the time."""

    async def joined_rooms(self, as_: str) -> Sequence[str]:
        """Ids of the rooms the account is in."""

    async def state(self, as_: str, room_id: str) -> Sequence[Event]:
        """Every state event of a room the account is in."""

    async def create_room(self, as_: str, body: Mapping[str, Any]) -> str:
        """The new room's id. Never repeated silently: asked twice, it makes two rooms."""

    async def put_state(
        self, as_: str, room_id: str, kind: str, content: Mapping[str, Any], state_key: str = ""
    ) -> None:
        """Set one state event."""

    async def invite(self, as_: str, room_id: str, user_id: str) -> None:
        """Invite; once more does no harm while the invitation stands."""

    async def allow(self, user_id: str, room_id: str) -> None:
        """Have the gate let one of our speaking accounts come into a room."""

    async def join(self, as_: str, room_id: str) -> None:
        """Join, or stay."""

    async def kick(self, as_: str, room_id: str, user_id: str) -> None:
        """Remove somebody or take an invitation back."""

    async def leave(self, as_: str, room_id: str) -> None:
        """Leave, or stay out."""

    async def delete_room(self, room_id: str) -> None:
        """Remove everybody and what the room holds, as the registrar. Returns when it is done."""


class OwnAccounts:
    """`Homeserver` over HTTP, with the credentials of one home. An async context manager."""

    def __init__(
        self,
        homeserver_url: str,
        accounts: Accounts,
        secrets_dir: Path,
        gate: GateFile,
        *,
        without_keeper: bool = False,
    ) -> None:
        """`without_keeper`: leave its credential alone, even where it is here."""
        self._gate = gate
        self._registrar = Admin(homeserver_url, _read(secrets_dir / f"{REGISTRAR}.token"))
        self._clients: dict[str, Matrix] = {}
        keeper_token = None if without_keeper else _read(secrets_dir / f"{KEEPER}.token")
        if keeper_token:
            self._clients[accounts.keeper] = Matrix(homeserver_url, keeper_token)
        services = ((WARDEN_SERVICE, (accounts.warden,)), (SPEAKERS_SERVICE, accounts.speakers))
        for service, users in services:
            token = _read(secrets_dir / f"{service}.as_token")
            for user_id in users if token else ():
                self._clients[user_id] = Matrix(homeserver_url, token, as_user=user_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._registrar, *self._clients.values()):
            await client.close()

    def can_act_as(self, user_id: str) -> bool:
        """See `Homeserver`."""
        return user_id in self._clients

    async def joined_rooms(self, as_: str) -> Sequence[str]:
        """See `Homeserver`."""
        return await self._clients[as_].joined_rooms()

    async def state(self, as_: str, room_id: str) -> Sequence[Event]:
        """See `Homeserver`."""
        return await self._clients[as_].get_state(room_id)

    async def create_room(self, as_: str, body: Mapping[str, Any]) -> str:
        """See `Homeserver`."""
        return await self._clients[as_].create_room(body)

    async def put_state(
        self, as_: str, room_id: str, kind: str, content: Mapping[str, Any], state_key: str = ""
    ) -> None:
        """See `Homeserver`."""
        await self._clients[as_].put_state(room_id, kind, content, state_key)

    async def invite(self, as_: str, room_id: str, user_id: str) -> None:
        """See `Homeserver`."""
        await self._clients[as_].invite(room_id, user_id)

    async def allow(self, user_id: str, room_id: str) -> None:
        """See `Homeserver`."""
        self._gate.allow(user_id, [room_id])

    async def join(self, as_: str, room_id: str) -> None:
        """See `Homeserver`."""
        await self._clients[as_].join(room_id)

    async def kick(self, as_: str, room_id: str, user_id: str) -> None:
        """See `Homeserver`."""
        await self._clients[as_].kick(room_id, user_id)

    async def leave(self, as_: str, room_id: str) -> None:
        """See `Homeserver`."""
        await self._clients[as_].leave(room_id)

    async def delete_room(self, room_id: str) -> None:
        """See `Homeserver`. Synapse deletes in the background; the room is there until it is done."""
        clock = asyncio.get_running_loop().time
        deadline, asked = clock() + _DELETION_SECONDS, 0.0
        while await self._registrar.has_room(room_id):
            if clock() > deadline:
                raise HomeserverDown("The homeserver is still deleting a room. Run the same command again.")
            if clock() > asked + _DELETION_AGAIN:
                # more than once: it gives up for good where somebody writes into the room meanwhile
                await self._ask_to_delete(room_id)
                asked = clock()
            await asyncio.sleep(_DELETION_PAUSE)

    async def _ask_to_delete(self, room_id: str) -> None:
        try:
            await self._registrar.delete_room(room_id)
        except MatrixError as error:
            if error.status != _BAD_REQUEST:  # its answer while it is deleting that room already
                raise


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file.exists() else None
