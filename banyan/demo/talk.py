"""Talking with the desk and the steward as people do: read what is asked, answer by number."""

import re
import uuid
from typing import Any

from banyan.demo.sample import Reader
from banyan.domain.notes import find_notes
from banyan.errors import BanyanError
from bots.client import Message
from bots.polls import POLL

PATIENCE = 60
"""Seconds until an answer."""


class NotUnderstood(BanyanError):
    """One of our accounts did not answer as it should."""

    code = "not-understood"


class Talk:
    """One person in one room with one of our accounts."""

    def __init__(self, reader: Reader, room_id: str, account: str) -> None:
        self._reader = reader
        self._room_id = room_id
        self._account = account
        self._read = len(reader.heard)

    async def say(self, text: str, part: str = "") -> str:
        """Write something and return what is said to it: the next message that has this part.

        Without one, whatever is told next, though it was on its way before.
        """
        self._read = len(self._reader.heard)
        content = {"msgtype": "m.text", "body": text, "m.mentions": {}}
        await self._reader.client.send(self._room_id, content, txn_id=uuid.uuid4().hex)
        return await self.hear(part)

    async def hear(self, part: str = "") -> str:
        """What the next message here that has this part says. Raise `NotUnderstood`."""
        return str((await self.next(part)).content["body"])

    async def next(self, part: str = "") -> Message:
        """The next message here that has this part. Raise `NotUnderstood`."""
        return await self._next(lambda each: part in str(each.content.get("body", "")))

    async def choose(self, asked: str, label: str, part: str = "") -> str:
        """Answer a numbered question by the number that stands before this label, and return as `say`."""
        for line in asked.splitlines():
            found = re.match(r"(\d+)\. (.*)", line)
            if found and label.casefold() in found[2].casefold():
                return await self.say(found[1], part)
        raise NotUnderstood(f"“{label}” was not among what could be chosen.")

    async def poll(self) -> Message:
        """The next question that is answered by a tap."""
        return await self._next(lambda each: each.type == POLL)

    async def _next(self, wanted: Any) -> Message:
        found: list[Message] = []

        def told() -> bool:
            for at, each in enumerate(self._reader.heard[self._read :], start=self._read + 1):
                if each.sender != self._account or each.room_id != self._room_id or not wanted(each):
                    continue
                said = str(each.content.get("body", ""))
                if not find_notes(said):  # a checkpoint of the log answers nobody
                    self._read = at
                    found.append(each)
                    return True
            return False

        try:
            await self._reader.until(told, PATIENCE)
        except TimeoutError:
            raise NotUnderstood("There was no answer in time.") from None
        return found[0]
