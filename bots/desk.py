"""The desk: the members' one chat."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from banyan.domain.effects import Effect
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import LOCATOR
from banyan.services.chats import Chats
from banyan.services.outbox import Handler, Never
from banyan.services.ports import Vault
from banyan.services.traces import ORDINARY, Traces
from bots.client import (
    Client,
    MatrixError,
    NotEncrypted,
    Report,
    ReportKind,
)
from bots.outgoing import MESSAGE, Outgoing

CLOSED = ("M_FORBIDDEN", "M_NOT_FOUND")
"""What the homeserver answers about a chat that we are no longer in, or that is no longer there."""


class Desk:
    """Handlers of the effects addressed to the desk."""

    def __init__(
        self, client: Client, outgoing: Outgoing, chats: Chats, vault: Vault, traces: Traces
    ) -> None:
        self._client = client
        self._outgoing = outgoing
        self._chats = chats
        self._vault = vault
        self._traces = traces

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {
            "open_chat": self.open_chat,
            "redact": self.redact,
            "say": self.say,
        }

    async def open_chat(self, effect: Effect) -> Mapping[str, Any]:
        """Make the member's chat, once; the gate joins them to it. Result: `{"room_id"}`."""
        member_id, user_id = effect.payload["member_id"], effect.payload["user_id"]
        locator = self._vault.mac("chat", member_id)
        member = await self._chats.member(member_id)
        if member.status is not MemberStatus.ADMITTED:
            raise Never("not-admitted")
        room_id = member.chat
        if room_id is None and effect.attempts:
            room_id = await self._find(locator)
        if room_id is None:
            room_id = await self._client.create_room(_chat(user_id, locator))
        await self._chats.opened(member_id, room_id)
        return {"room_id": room_id}

    async def say(self, effect: Effect) -> Mapping[str, Any]:
        """Say what was decided already: `room_id`, `content`, perhaps `lasts`. Result: `{"event_id"}`.

        `lasts` is in seconds until it is erased: a day unless told otherwise.
        """
        asked = effect.payload
        lasts = timedelta(seconds=asked.get("lasts", ORDINARY.total_seconds()))
        return {"event_id": await self.speak(effect, asked["room_id"], asked["content"], lasts)}

    async def speak(
        self,
        effect: Effect,
        room_id: str,
        content: Mapping[str, Any],
        lasts: timedelta | None = ORDINARY,
        *,
        type: str = MESSAGE,  # noqa: A002  Matrix's word
        part: str = "",
    ) -> str:
        """Send what the effect says, have it erased after `lasts` (None: never), and return the event id.

        The one way by which the desk speaks, for every handler of its effects; safe to repeat. Raises `Never`
        when it is the chat of somebody who is no longer admitted or who cannot be written to: what another
        room refuses is raised as it is, for it may be repaired.
        """
        owner = await self._traces.owner(room_id)
        if owner is not None and owner.status is not MemberStatus.ADMITTED:
            raise Never("not-admitted")
        try:
            event_id = await self._outgoing.send(effect, room_id, content, type=type, part=part)
        except (MatrixError, NotEncrypted) as refused:
            if owner is not None and _is_final(refused):
                raise Never("chat-closed") from None
            raise
        if lasts is not None:
            await self._traces.forget(room_id, event_id, lasts)
        return event_id

    async def redact(self, effect: Effect) -> Mapping[str, Any]:
        """Erase what either side said in a chat. Twice does no harm."""
        room_id, event_id = effect.payload["room_id"], effect.payload["event_id"]
        try:
            await self._client.redact(room_id, event_id, txn_id=effect.id)
        except MatrixError as refused:
            if _is_final(refused):
                raise Never("cannot-redact") from None
            raise
        return {}

    async def reported(self, report: Report) -> None:
        """Somebody said what we cannot read: it is erased all the same."""
        match report:
            case Report(
                ReportKind.UNDECRYPTABLE, room_id=str(room_id), user_id=str(user_id), event_id=str(event_id)
            ) if await self._chats.member_of(room_id, user_id):
                await self._traces.forget(room_id, event_id, ORDINARY)

    def reads(self, room_id: str, user_id: str) -> bool:
        """Whether what is said in that room now can be read by that person, now or later."""
        room = self._client.rooms.get(room_id)
        return room is not None and user_id in room.joined and self._client.devices.reachable(user_id)

    async def _find(self, locator: str) -> str | None:
        """Look for a chat that an earlier attempt made before it could say so."""
        known = await self._chats.known()
        for room in self._client.rooms.joined():
            if room.room_id not in known:
                state = await self._client.get_state(room.room_id, LOCATOR)
                if state is not None and state.get("id") == locator:
                    return room.room_id
        return None


def _is_final(refused: MatrixError | NotEncrypted) -> bool:
    """Whether trying again is of no use."""
    if isinstance(refused, NotEncrypted):
        return True
    return refused.errcode in CLOSED


def _chat(user_id: str, locator: str) -> dict[str, Any]:
    return {
        "preset": "private_chat",
        "is_direct": True,
        "invite": [user_id],
        "creation_content": {"m.federate": False},
        "initial_state": [
            {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
            {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
            {"type": "m.room.guest_access", "content": {"guest_access": "forbidden"}},
            {"type": LOCATOR, "content": {"id": locator}},
        ],
        "power_level_content_override": {
            "users": {},
            "users_default": 0,
            "events_default": 0,
            "state_default": 100,
            "invite": 100,
            "kick": 100,
            "ban": 100,
            "redact": 100,
        },
    }
