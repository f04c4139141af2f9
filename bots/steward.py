"""The steward: talks with staff."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from banyan.domain.effects import Effect
from banyan.services.outbox import Handler, Never
from banyan.services.ports import Work
from banyan.services.vigil import SECURITY
from bots.outgoing import Outgoing
from bots.texts import WARNINGS, checkpoint, warning

FOR_SECURITY = frozenset({"warn", "checkpoint"})
"""Effects that are for the security staff, wherever their room is by now."""


def where_they_are(work: Work, handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """Let what staff are told follow them: a room may be gone, and made anew, before it could be told there.

    What is for the security staff goes to the room they have now; the rest ends with the room it was for.
    """

    def following(handler: Handler) -> Handler:
        async def carry_out(effect: Effect) -> Mapping[str, Any]:
            async with work.reading() as tx:
                known = await tx.rooms.by_id(effect.payload["room_id"])
                now = await tx.rooms.get(SECURITY) if effect.kind in FOR_SECURITY else None
            if known is None and now is None:
                raise Never("room-gone")
            if known is None and now is not None:
                effect = replace(effect, payload={**effect.payload, "room_id": now.room_id})
            return await handler(effect)

        return carry_out

    return {kind: following(handler) for kind, handler in handlers.items()}


class Steward:
    """Handlers of the effects addressed to the steward."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"say": self.say, "warn": self.warn, "checkpoint": self.checkpoint}

    async def say(self, effect: Effect) -> Mapping[str, Any]:
        """Say what was decided already: `room_id`, `content`. Result: `{"event_id"}`.

        A staff room that refuses is repaired by others, so the effect is tried again.
        """
        asked = effect.payload
        return {"event_id": await self._outgoing.send(effect, asked["room_id"], asked["content"])}

    async def checkpoint(self, effect: Effect) -> Mapping[str, Any]:
        """Hand a checkpoint of the log out. Result: `{"event_id"}`."""
        asked = effect.payload
        content = checkpoint(asked["note"], asked["size"], asked["language"])
        return {"event_id": await self._outgoing.send(effect, asked["room_id"], content)}

    async def warn(self, effect: Effect) -> Mapping[str, Any]:
        """Warn the staff of a room. Result: `{"event_id"}`."""
        reason = effect.payload["reason"]
        if reason not in WARNINGS:
            raise Never("unknown-warning")
        values = effect.payload.get("values", {})
        content = warning(reason, effect.payload["language"], **values)
        return {"event_id": await self._outgoing.send(effect, effect.payload["room_id"], content)}
