"""The desk: the members' one chat."""

from collections.abc import Mapping
from typing import Any

from banyan.domain.effects import Effect
from banyan.domain.rooms import LOCATOR
from banyan.services.chats import Chats
from banyan.services.outbox import Handler
from banyan.services.ports import Vault
from bots.client import Client, Membership, Report, ReportKind
from bots.outgoing import Outgoing
from bots.texts import welcome


class Desk:
    """Handlers of the effects addressed to the desk."""

    def __init__(self, client: Client, outgoing: Outgoing, chats: Chats, vault: Vault) -> None:
        self._client = client
        self._outgoing = outgoing
        self._chats = chats
        self._vault = vault

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"open_chat": self.open_chat, "say": self.say, "welcome": self.welcome}

    async def open_chat(self, effect: Effect) -> Mapping[str, Any]:
        """Make the member's chat, once; the gate joins them to it. Result: `{"room_id"}`."""
        member_id, user_id = effect.payload["member_id"], effect.payload["user_id"]
        locator = self._vault.mac("chat", member_id)
        room_id = (await self._chats.member(member_id)).chat
        if room_id is None and effect.attempts:
            room_id = await self._find(locator)
        if room_id is None:
            room_id = await self._client.create_room(_chat(user_id, locator))
        await self._chats.opened(member_id, room_id)
        return {"room_id": room_id}

    async def say(self, effect: Effect) -> Mapping[str, Any]:
        """Say what was decided already. Result: `{"event_id"}`."""
        content, room_id = effect.payload["content"], effect.payload["room_id"]
        return {"event_id": await self._outgoing.send(effect, room_id, content)}

    async def welcome(self, effect: Effect) -> Mapping[str, Any]:
        """Say the first words in the member's language. Result: `{"event_id"}`."""
        member = await self._chats.member(effect.payload["member_id"])
        content = welcome(member.localpart, member.language)
        return {"event_id": await self._outgoing.send(effect, effect.payload["room_id"], content)}

    async def catch_up(self) -> None:
        """Welcome those who could be welcomed when we last stopped. What comes later is reported."""
        await self._chats.catch_up(self.reads)

    async def reported(self, report: Report) -> None:
        """Somebody has a device now that they vouch for."""
        if report.kind is ReportKind.REACHABLE and report.user_id is not None:
            await self._chats.present(report.user_id, self.reads)

    async def joined(self, news: Membership) -> None:
        """Somebody came into a room of ours."""
        if news.membership == "join":
            await self._chats.present(news.user_id, self.reads)

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
