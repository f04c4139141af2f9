"""Gatherings, as the desk speaks of them: in the guide rooms, and in the chats of those who may come."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from babel.dates import format_timedelta

from banyan.domain.effects import Effect
from banyan.domain.gatherings import REACTIONS, Gathering
from banyan.i18n import N_, SOURCE, Text, locale_of, render
from banyan.services.chats import Chats
from banyan.services.gatherings import Gatherings
from banyan.services.outbox import Handler, Never
from banyan.services.ports import Clock
from bots.client import Client, MatrixError, Message
from bots.desk import Desk
from bots.texts import Content, message, quoted

log = structlog.get_logger()

POST = (
    N_("📅 A gathering. Will you come?"),
    N_("When: {starts}"),
    N_("Tap 👍 if you come, 👎 if you do not, 🤔 if you do not know yet. Everybody here sees what you tap."),
    N_("To answer unseen by the others, write “gatherings” to me in our own chat."),
)
"""What stands in a guide room; the title comes after the first sentence."""

SOON = timedelta(hours=48)
"""A reminder says how long it is until then when it is less than this."""

REMINDER = (
    N_("⏰ A reminder: you may come to this gathering."),
    N_("When: {starts}, {left}"),
    N_("Have your plans changed? Write “gatherings” to me."),
)

CANCELLED = (
    N_("A gathering is cancelled. It does not take place."),
    N_("It would have been: {starts}"),
)


class Host:
    """Handlers of the desk's effects about gatherings, and of reactions to what it posted."""

    def __init__(
        self, client: Client, desk: Desk, gatherings: Gatherings, chats: Chats, clock: Clock
    ) -> None:
        self._client = client
        self._desk = desk
        self._gatherings = gatherings
        self._chats = chats
        self._clock = clock

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {
            "gathering_post": self.post,
            "gathering_cancel_post": self.post_cancelled,
            "gathering_reminder": self.remind,
            "gathering_cancel": self.tell_cancelled,
        }

    async def post(self, effect: Effect) -> Mapping[str, Any]:
        """Announce it in one guide room, ready to be answered by a tap. Result: `{"event_id"}`."""
        gathering = await self._ahead(effect)
        room_id, language, zone = (effect.payload[name] for name in ("room_id", "language", "zone"))
        event_id = await self._desk.speak(effect, room_id, announcement(gathering, language, zone), None)
        await self._gatherings.posted(event_id, gathering)
        for tapped in await self._client.reactions(room_id, event_id):  # before we had written that down
            await self._count(tapped["event_id"], tapped["sender"], tapped["content"], missed=True)
        for key, answer in REACTIONS.items():
            try:
                await self._client.react(room_id, event_id, key, txn_id=f"{effect.id}-{answer}")
            except MatrixError as refused:  # the sign is there already, or it may not be: no harm
                log.info("gathering.not-reacted", why=refused.errcode)
        return {"event_id": event_id}

    async def post_cancelled(self, effect: Effect) -> Mapping[str, Any]:
        """Call it off in one guide room. Result: `{"event_id"}`."""
        gathering = await self._known(effect)
        room_id, language, zone = (effect.payload[name] for name in ("room_id", "language", "zone"))
        content = cancellation(gathering, (language, SOURCE), zone)
        return {"event_id": await self._desk.speak(effect, room_id, content, None)}

    async def remind(self, effect: Effect) -> Mapping[str, Any]:
        """Remind one member in their chat. Result: `{"event_id"}`."""
        gathering = await self._ahead(effect)
        member = await self._chats.member(effect.payload["member_id"])
        content = reminder(gathering, member.language, effect.payload["zone"], self._clock.now())
        return {"event_id": await self._desk.speak(effect, effect.payload["room_id"], content)}

    async def tell_cancelled(self, effect: Effect) -> Mapping[str, Any]:
        """Tell one member who may have come that it is called off. Result: `{"event_id"}`."""
        gathering = await self._known(effect)
        member = await self._chats.member(effect.payload["member_id"])
        content = cancellation(gathering, (member.language,), effect.payload["zone"])
        return {"event_id": await self._desk.speak(effect, effect.payload["room_id"], content)}

    async def heard(self, said: Message) -> None:
        """Count reactions to what we announced, and those taken back. Safe to call again with the same.

        The homeserver could forge them: they decide nothing but who is expected.
        """
        if said.type == "m.reaction":
            await self._count(said.event_id, said.sender, said.content)
        elif said.type == "m.room.redaction":
            match said.content.get("redacts"):
                case str(redacted):
                    await self._gatherings.unreacted(redacted)

    async def _count(
        self, event_id: str, sender: str, content: Mapping[str, Any], *, missed: bool = False
    ) -> None:
        match content.get("m.relates_to"):
            case {"rel_type": "m.annotation", "event_id": str(target), "key": str(key)}:
                await self._gatherings.reacted(event_id, target, sender, key, missed=missed)

    async def _known(self, effect: Effect) -> Gathering:
        gathering = await self._gatherings.get(effect.payload["gathering_id"])
        if gathering is None:
            raise Never("no-such-gathering")
        return gathering

    async def _ahead(self, effect: Effect) -> Gathering:
        """Nobody is asked to what has begun while we could not speak, or was called off."""
        gathering = await self._known(effect)
        if not gathering.open(self._clock.now()):
            raise Never("gathering-over")
        return gathering


def announcement(gathering: Gathering, language: str, zone: str) -> Content:
    """Return what is posted in a guide room: in its language and in English, times in `zone`; it rings."""
    first, *rest = (Text(each, starts=gathering.starts) for each in POST)
    return _message([first, quoted(gathering.title), *rest], (language, SOURCE), zone)


def cancellation(gathering: Gathering, languages: Iterable[str], zone: str) -> Content:
    """Return that it is called off, in each of the languages; it rings."""
    first, *rest = (Text(each, starts=gathering.starts) for each in CANCELLED)
    return _message([first, quoted(gathering.title), *rest], languages, zone)


def reminder(gathering: Gathering, language: str, zone: str, now: datetime) -> Content:
    """Return what a member is told who may come, in their language and zone; it rings."""
    left = gathering.starts - now
    first, near, last = REMINDER
    when = POST[1] if left >= SOON else near
    said = [Text(each, starts=gathering.starts, left=_until(left, language)) for each in (first, when, last)]
    return _message([said[0], quoted(gathering.title), *said[1:]], (language,), zone)


def _until(left: timedelta, language: str) -> str:
    """Say `in 1 hour`, `in 90 minutes`, `in 5 hours`: never more than is left, or people would come late."""
    minutes = max(1, round(left / timedelta(minutes=1)))
    if minutes >= 2 * 60:
        minutes -= minutes % 60
    one = minutes in {60, 24 * 60}  # the larger unit, where it is said with a one and is exact
    return format_timedelta(
        timedelta(minutes=minutes),
        granularity="minute",
        threshold=1 if one else 2,
        add_direction=True,
        locale=locale_of(language),
    )


def _message(paragraphs: list[Text], languages: Iterable[str], zone: str) -> Content:
    """Return the paragraphs in each language, once in each, with a line between them."""
    said = list(_in_turn(paragraphs, dict.fromkeys(languages), zone))
    return message((Text("{said}", said=each) for each in said), SOURCE, rings=True)


def _in_turn(paragraphs: list[Text], languages: Iterable[str], zone: str) -> Iterator[str]:
    for number, language in enumerate(languages):
        if number:
            yield "———"
        yield from (render(each, language, zone) for each in paragraphs)
