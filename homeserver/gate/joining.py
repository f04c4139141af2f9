"""Joining members to the rooms that the table says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from synapse.logging.context import PreserveLoggingContext
from synapse.module_api import EventBase, ModuleApi, StateMap, UserID, make_deferred_yieldable
from twisted.internet.defer import DeferredLock

from homeserver.gate.changing import change
from homeserver.gate.setting import GateSetting
from homeserver.gate.table import Table

_OPEN_BY_SPACE: Final = ("restricted", "knock_restricted")


@dataclass
class Admitted:
    """What came of one admission."""

    joined: list[str] = field(default_factory=list)
    already: int = 0
    refused: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the answer of the web resource."""
        return {"joined": self.joined, "already": self.already, "refused": self.refused}


class Joining:
    """Joins in the member's own name: no application service covers members, no admin is in their rooms."""

    def __init__(self, api: ModuleApi, setting: GateSetting, table: Table) -> None:
        self._api = api
        self._setting = setting
        self._table = table
        self._locks: dict[str, DeferredLock] = {}

    def is_local(self, user_id: str) -> bool:
        """Whether the user is of this server."""
        return bool(self._api.is_mine(user_id))

    async def on_user_registration(self, user_id: str) -> None:
        """Join whichever member has just registered, without keeping them waiting."""
        if UserID.from_string(user_id).localpart in self._setting.accounts:
            return  # ours are made before the first table is written
        self._api.run_as_background_process("banyan_admit", self.admit, user_id)

    async def admit(self, user_id: str) -> Admitted:
        """Join the user to every room of the table, spaces first; what is done already costs no event.

        One after another: a room restricted to a space opens only once the space is joined. Raises
        TableUnavailableError when the table cannot be read.
        """
        async with self._alone(user_id):
            return await self._admit(user_id)

    async def _admit(self, user_id: str) -> Admitted:
        admitted = Admitted()
        found = [(room, await self._state(room, user_id)) for room in self._table.rooms_of(user_id)]
        for room_id, state in sorted(found, key=lambda entry: (not _is_space(entry[1]), entry[0])):
            if _membership(state, user_id) == "join":
                admitted.already += 1
            elif await self._bring_in(user_id, room_id, state):
                admitted.joined.append(room_id)
            elif _membership(await self._state(room_id, user_id), user_id) == "join":
                admitted.already += 1  # by another worker meanwhile
            else:
                admitted.refused.append(room_id)
        return admitted

    @asynccontextmanager
    async def _alone(self, user_id: str) -> AsyncIterator[None]:
        """One admission of a member at a time in this worker.

        Registration starts one and Banyan asks for another at once: side by side they would write every join
        twice. Two workers may still do so; that costs events, nothing else.
        """
        lock = self._locks.setdefault(user_id, DeferredLock())
        await make_deferred_yieldable(lock.acquire())
        try:
            yield
        finally:
            if not lock.waiting:
                del self._locks[user_id]
            with PreserveLoggingContext():  # releasing runs whoever waits, in their own log context
                lock.release()

    async def _state(self, room_id: str, user_id: str) -> StateMap[EventBase]:
        wanted = [("m.room.create", ""), ("m.room.join_rules", ""), ("m.room.member", user_id)]
        return await self._api.get_room_state(room_id, wanted)

    async def _bring_in(self, user_id: str, room_id: str, state: StateMap[EventBase]) -> bool:
        create, rules = state.get(("m.room.create", "")), state.get(("m.room.join_rules", ""))
        if create is None:
            return False
        invited = _membership(state, user_id) == "invite"
        by_space = rules is not None and rules.content.get("join_rule") in _OPEN_BY_SPACE
        if invited or by_space:
            if await change(self._api, user_id, user_id, room_id, "join"):
                return True
            if invited:
                return False
        inviter = self._inviter(create)
        return await change(self._api, inviter, user_id, room_id, "invite") and await change(
            self._api, user_id, user_id, room_id, "join"
        )

    def _inviter(self, create: EventBase) -> str:
        """Return who invites: a chat's maker to the chat, the warden to every other room."""
        if UserID.from_string(create.sender).localpart in self._setting.chatters:
            return str(create.sender)
        return str(self._api.get_qualified_user_id(self._setting.inviter))


def _membership(state: StateMap[EventBase], user_id: str) -> str | None:
    member = state.get(("m.room.member", user_id))
    return None if member is None else member.content.get("membership")


def _is_space(state: StateMap[EventBase]) -> bool:
    create = state.get(("m.room.create", ""))
    return create is not None and create.content.get("type") == "m.space"
