"""From a message in a chat to an answer in the outbox, once, and only for whom it counts."""

import structlog

from banyan.domain.effects import Actor, NewEffect
from banyan.services.chats import Chats
from banyan.services.ports import Clock, Work
from bots.client import Message, Trust
from bots.declare import CommandTable, Context

log = structlog.get_logger()


class Dispatcher:
    """Answers members in their chat with one of our accounts.

    A message counts only when it was decrypted from a device that its owner signed, under the identity known
    from before: the homeserver can forge everything else (DESIGN, decision 5).
    """

    def __init__(self, actor: Actor, commands: CommandTable, work: Work, chats: Chats, clock: Clock) -> None:
        self._actor = actor
        self._commands = commands
        self._work = work
        self._chats = chats
        self._clock = clock

    async def hear(self, message: Message) -> None:
        """Handle one message; safe to call again with the same one."""
        body = message.content.get("body")
        if message.type != "m.room.message" or message.content.get("msgtype") != "m.text":
            return
        if not isinstance(body, str) or not message.encrypted or message.trust is not Trust.OWNER_SIGNED:
            log.info("message.not-counted", trust=message.trust.name, encrypted=message.encrypted)
            return
        member = await self._chats.member_of(message.room_id, message.sender)
        if member is None:
            return
        content = await self._commands.find(body)(Context(member))
        async with self._work() as tx:
            if not await tx.answered.first(message.event_id, self._clock.now()):
                return
            await tx.outbox.put(
                NewEffect(
                    actor=self._actor,
                    kind="say",
                    payload={"room_id": message.room_id, "content": content},
                    lane=message.room_id,
                )
            )
