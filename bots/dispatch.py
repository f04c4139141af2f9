"""From a message in a room to an answer in the outbox, once, and only for whom it counts."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from banyan.backoff import backoff
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Accounts, Member, MemberStatus
from banyan.domain.rooms import RoomKind
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.network import Network
from banyan.services.ports import Clock, UnitOfWork, Work
from banyan.services.traces import ORDINARY, SHORT, forget_event
from bots.client import Message, Trust
from bots.context import Context, Services
from bots.declare import Where
from bots.interpreter import Interpreter, Said
from bots.texts import messages
from bots.unreadable import once_a_day, unreadable
from bots.words import without_quote
from policies.placement import rooms_now

log = structlog.get_logger()

BROKEN = N_("Something failed on our side (ref {reference}). Nothing was done. Please try again later.")
NO_CHAT = N_("I answer this in your own chat with the desk only, and you have none yet. Nothing was done.")
IN_YOUR_CHAT = N_("I have answered you in your own chat.")

LONGEST_PAUSE = 10.0
"""Seconds."""

Tap = Callable[[Context, Message], Awaitable[Said | None]]
"""Answers an event that is no text, e.g. a tap on a poll."""


@dataclass(frozen=True)
class Hearing:
    """What answering needs, the same for every account."""

    work: Work
    clock: Clock
    network: Network
    accounts: Accounts
    services: Services
    interpreter: Interpreter
    taps: Mapping[str, Tap] = field(default_factory=dict)
    """By event type."""

    def context(
        self, tx: UnitOfWork, member: Member, room_id: str, known_since: datetime | None = None
    ) -> Context:
        """What a command may know, now, that this member asks for in this room."""
        return Context(
            member=member,
            room_id=room_id,
            tx=tx,
            now=self.clock.now(),
            known_since=known_since,
            network=self.network,
            services=self.services,
        )


class Dispatcher:
    """Answers people for one of our accounts: members in their chat, or staff in their rooms.

    A message counts only when it was decrypted from a device that its owner signed, under the identity known
    from before: the homeserver can forge everything else (DESIGN, decision 5).
    """

    def __init__(
        self,
        actor: Actor,
        where: Where,
        hearing: Hearing,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._actor = actor
        self._where = where
        self._hearing = hearing
        self._sleep = sleep

    async def hear(self, message: Message) -> None:
        """Handle one message; safe to call again with the same one.

        While the database is away it is tried again, for as long as a handler may take: the homeserver does
        not tell it a second time, and it may be a call for help.
        """
        failures = 0
        while True:
            try:
                return await self._hear(message)
            except Exception as error:  # noqa: BLE001 - nothing was written: not even that it was heard
                failures += 1
                log.error("message.unwritten", error=type(error).__name__)  # noqa: TRY400
                await self._sleep(backoff(failures, longest=LONGEST_PAUSE))

    async def _hear(self, message: Message) -> None:
        try:
            async with self._hearing.work() as tx:
                await self._take(tx, message, self._think)
        except Refusal as refusal:
            await self._excuse(message, refusal.text)
        except Exception as error:  # noqa: BLE001 - nobody shall wait for an answer that never comes
            reference = secrets.token_hex(2)
            log.error("message.failed", reference=reference, error=type(error).__name__)  # noqa: TRY400
            await self._excuse(message, Text(BROKEN, reference=reference))

    async def _excuse(self, message: Message, text: Text) -> None:
        """Say why nothing was done; what was done was taken back."""

        async def say(_ctx: Context, _message: Message) -> Said:
            return Said((text,))

        async with self._hearing.work() as tx:
            await self._take(tx, message, say)

    async def _take(self, tx: UnitOfWork, message: Message, think: Tap) -> None:
        member, now = await self._asker(tx, message), self._hearing.clock.now()
        if member is None or not await tx.answered.first(message.event_id, now):
            return
        if self._where is Where.CHAT and message.type != "m.room.redaction":
            await forget_event(tx, message.room_id, message.event_id, now + ORDINARY)
        if not message.encrypted or message.trust is not Trust.OWNER_SIGNED:
            log.info("message.not-counted", trust=message.trust.name, encrypted=message.encrypted)
            think = self._decline
        since = message.known_since
        known_since = None if since is None else datetime.fromtimestamp(since / 1000, UTC)
        ctx = self._hearing.context(tx, member, message.room_id, known_since)
        said = await think(ctx, message)
        if said is not None:
            await self._put(ctx, said)

    async def _think(self, ctx: Context, message: Message) -> Said | None:
        if tap := self._hearing.taps.get(message.type):
            return await tap(ctx, message)
        content = message.content
        if message.type != "m.room.message" or content.get("msgtype") != "m.text":
            return await self._decline(ctx, message)
        body = content.get("body")
        if not isinstance(body, str):
            return None
        return await self._hearing.interpreter.hear(ctx, self._where, without_quote(body))

    async def _decline(self, ctx: Context, message: Message) -> Said | None:
        """Say, once a day, that we could not take it: nobody shall wait in vain."""
        text = unreadable(message) if self._where is Where.CHAT else None
        if text is None:
            return None
        once = once_a_day(text, ctx.member.id, ctx.now)
        return Said((text,)) if await ctx.tx.answered.first(once, ctx.now) else None

    async def _asker(self, tx: UnitOfWork, message: Message) -> Member | None:
        """Who speaks, where they are listened to; None for anybody else."""
        localpart = self._hearing.accounts.localpart(message.sender)
        member = await tx.members.by_localpart(localpart) if localpart else None
        if member is None or member.status is not MemberStatus.ADMITTED:
            return None
        if self._where is Where.CHAT:
            return member if member.chat == message.room_id else None
        room = await tx.rooms.by_id(message.room_id)
        belongs = room is not None and room.key in rooms_now(self._hearing.network, member.placement)
        return member if belongs and room and room.kind is RoomKind.STAFF else None

    async def _put(self, ctx: Context, said: Said) -> None:
        if said.private:
            if ctx.member.chat is None:
                raise Refusal(NO_CHAT)
            await self._say(ctx, Actor.DESK, ctx.member.chat, said)
            said = Said((Text(IN_YOUR_CHAT),))
        await self._say(ctx, self._actor, ctx.room_id, said)

    async def _say(self, ctx: Context, actor: Actor, room_id: str, said: Said) -> None:
        lasts, languages = SHORT if said.brief else ORDINARY, [ctx.member.language]
        if said.done and actor is Actor.STEWARD:  # colleagues shall be able to read what was done
            languages.append(ctx.network.regional.languages[0])
        for language in dict.fromkeys(languages):
            for content in messages(said.paragraphs, language, ctx.zone):
                payload = {"room_id": room_id, "content": content, "lasts": lasts.total_seconds()}
                await ctx.tx.outbox.put(NewEffect(actor, "say", payload, lane=room_id, secret=True))
