"""Carrying effects out where there is no homeserver: what is said is remembered."""

from dataclasses import dataclass, field
from typing import Any

from banyan.domain.effects import Actor
from banyan.services.outbox import Never


@dataclass
class Said:
    """One event that was sent."""

    room_id: str
    type: str
    content: dict[str, Any]

    @property
    def body(self) -> str:
        return self.content.get("body", "")


@dataclass
class Speaker:
    """`Outgoing` and `Desk` in one: an effect and a part of it make one event, however often."""

    sent: dict[str, Said] = field(default_factory=dict)

    async def send(self, effect, room_id, content, *, type="m.room.message", part=""):  # noqa: A002
        self.sent.setdefault(effect.id + part, Said(room_id, type, content))
        return f"${effect.id}{part}"

    async def speak(self, effect, room_id, content, lasts=None, *, type="m.room.message", part=""):  # noqa: A002
        return await self.send(effect, room_id, content, type=type, part=part)

    def heard(self, room_id: str) -> list[Said]:
        """What was said in a room, in order."""
        return [said for said in self.sent.values() if said.room_id == room_id]


async def carry_out(work, clock, actor: Actor, handlers, *, dies: bool = False) -> int:
    """Carry out what is due for an actor, until nothing is; how many effects these handlers carried out.

    Other effects count as done. `dies`: what was done is not written down, as when the machine stops then.
    """
    count = 0
    while True:
        async with work.reading() as tx:
            due = await tx.outbox.due(actor, clock.now(), 1000)
        if not due:
            return count
        for effect in due:
            handler = handlers.get(effect.kind)
            count += handler is not None
            try:
                result = await handler(effect) if handler else {}
            except Never as never:
                async with work() as tx:
                    await tx.outbox.dead(effect.id, never.reason)
                continue
            if handler is None or not dies:
                async with work() as tx:
                    await tx.outbox.done(effect.id, clock.now(), result)
        if dies:
            return count
