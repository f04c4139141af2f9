"""Somebody who speaks with the network by an app: what they type and tap, and what they are told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from banyan.domain.notes import find_notes
from banyan.domain.rooms import RoomKey
from banyan.i18n import LANGUAGES, SOURCE, translate
from banyan.network import load_network
from banyan.settings import DEFAULT_NETWORK
from bots.commands import TABLE
from tests.client.element import Element, Event
from tests.client.english import pattern, wording
from tests.client.network import Network

DECLARED = load_network(DEFAULT_NETWORK)

ZERO = {"km": "\u17e0", "lo": "\u0ed0", "my": "\u1040", "th": "\u0e50"}
"""The digit zero of those who count in a script of their own."""

STAND = "Do you stand behind it? Then write {code}."
"""How a request for two persons ends; what follows names no digits."""

NEVER = datetime.max.replace(tzinfo=UTC)

MESSAGE = "m.room.message"
POLL = "org.matrix.msc3381.poll.start"
POLL_TEXT = "org.matrix.msc1767.text"
POLL_RESPONSE = "org.matrix.msc3381.poll.response"


@dataclass
class Person:
    """A member at their phone, strict as Element will be."""

    role: str
    """Who they are in the story, e.g. `A Burmese alumna`."""
    language: str
    element: Element
    network: Network
    names: Mapping[str, RoomKey]
    """Name of a room on the screen → what it is."""
    rooms: dict[str, str] = field(default_factory=dict)
    """What a room is, or `chat` → its id."""
    titles: dict[str, str] = field(default_factory=dict)
    """The same → how it stands in the list of rooms."""
    here_since: datetime = NEVER
    """When our accounts had heard of their phone: nothing written before has to be readable."""

    @property
    def name(self) -> str:
        """The pseudonym."""
        return self.element.user_id[1:].partition(":")[0]

    @property
    def area(self) -> str:
        """Key of their country, or of their cell of it."""
        return next(key for key in self.rooms if key.startswith("alert:")).partition(":")[2]

    @property
    def guided_in(self) -> str:
        """The language of their country's rooms, whatever theirs is."""
        return next(area.language for area in DECLARED.areas if area.key == self.area)

    async def look(self) -> None:
        """Learn which rooms there are, and which of them is the chat with the desk."""
        desk = self.network.account("desk")
        for room in await self.element.rooms():
            if room.membership != "join" or room.space:
                continue
            key = self.names.get(room.name)
            if key is None and await self.element.members(room.room_id) == {desk, self.element.user_id}:
                self.rooms["chat"] = room.room_id
            elif key is not None:
                self.rooms[key] = room.room_id
                self.titles[key] = room.name

    def digit(self, number: int) -> str:
        """A number as they type it."""
        zero = ord(ZERO.get(self.language, "0"))
        return "".join(chr(zero + int(each)) for each in str(number))

    def word(self, command: str) -> str:
        """The first word that calls a command in their language."""
        return translate(TABLE[command].words, self.language).split(",")[0].strip()

    async def say(self, typed: str, room: str = "chat", *, expects: str = "") -> Event:
        """Type something in a room and wait for the answer there: anything, or that marked text."""
        said = await self.element.send(self.rooms[room], typed)
        answer = await self.told(expects, room=room, since=said)
        while find_notes(answer.body or ""):  # a checkpoint of the log answers nobody
            answer = await self.told(expects, room=room, since=answer.event_id)
        return answer

    async def choose(self, shown: Event, template: str, room: str = "chat", *, expects: str = "") -> Event:
        """Answer a numbered question with the number before a marked text, in their own digits."""
        return await self.say(self.digit(numbered(shown, template)), room, expects=expects)

    async def choose_all(self, shown: Event, *templates: str, room: str = "chat") -> Event:
        """Answer one numbered question after the other; the last answer."""
        for template in templates:
            shown = await self.choose(shown, template, room)
        return shown

    async def tap(self, asked: Event, template: str, *, expects: str) -> Event:
        """Tap that answer of a poll in the chat with the desk, and wait for that marked text."""
        assert asked.content
        answer = next(
            each["id"] for each in asked.content[POLL]["answers"] if reads(each[POLL_TEXT], template)
        )
        tapped = await self.element.answer_poll(self.rooms["chat"], asked.event_id, answer)
        return await self.told(expects, since=tapped)

    async def told(
        self,
        template: str = "",
        *,
        room: str = "chat",
        since: str | None = None,
        types: tuple[str, ...] = (MESSAGE, POLL),
    ) -> Event:
        """Wait for what one of ours says in a room: anything, or that marked text in whatever language."""
        account = self.network.account(speaker(room))
        contains = {longest_part(template, language) for language in LANGUAGES}
        return await self.element.wait_message(
            self.rooms[room], since=since, sender=account, contains=contains, types=types
        )


def speaker(room: str) -> str:
    """Which of our accounts speaks in a kind of room."""
    kind = room.partition(":")[0]
    return {"staff": "steward", "alert": "alarm"}.get(kind, "desk")


def longest_part(template: str, language: str) -> str:
    """The longest piece of a translated text that has nothing filled in."""
    return max(re.split(r"\{\w+\}", wording(template, language)), key=len)


def reads(said: str, template: str) -> bool:
    """Whether that is a marked text, in whatever language."""
    return any(pattern(template, language).fullmatch(said) for language in LANGUAGES)


def numbered(shown: Event, template: str) -> int:
    """The number under which a marked text is offered. Raise `AssertionError` when it is not."""
    for line in (shown.body or "").splitlines():
        number, dot, label = line.partition(". ")
        if dot and number.isdecimal() and reads(label, template):
            return int(number)
    raise AssertionError(f"not offered: {template}")


def code(shown: Event) -> str:
    """The digits of a proposal, as the steward shows them to everybody in one language."""
    found = pattern(STAND, SOURCE).search(shown.body or "")
    assert found, "nothing is asked there"
    return found["code"]
