"""Announcements of focal points, passed on by the desk in the guide rooms: in their words, as theirs."""

from collections.abc import Mapping
from typing import Any

from banyan.domain.effects import Effect
from banyan.i18n import N_, SOURCE, Text, render
from banyan.services.outbox import Handler
from bots.desk import Desk
from bots.texts import Content, message, quoted

FROM_FOCAL_POINT = N_("📣 From the focal point of {area}, in their own words. I have not translated it.")
FROM_STAFF = N_("📣 From the staff of this network, in their own words. I have not translated it.")


class Announcements:
    """Handlers of the desk's effects about announcements."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"announce": self.announce}

    async def announce(self, effect: Effect) -> Mapping[str, Any]:
        """Pass it on in one guide room, where it stays. Result: `{"event_id"}`."""
        known = effect.payload
        content = announcement(known["text"], known["language"], known["from"])
        return {"event_id": await self._desk.speak(effect, known["room_id"], content, None)}


def announcement(text: str, language: str, area: str | None) -> Content:
    """Return what stands in a guide room: whose it is, in two languages, and the text; it rings.

    `area` is the code name of the area whose focal point wrote it; None for staff from elsewhere.
    """
    first = Text(FROM_FOCAL_POINT, area=area) if area else Text(FROM_STAFF)
    marked = [Text("{said}", said=render(first, tag)) for tag in dict.fromkeys((language, SOURCE))]
    return message([*marked, quoted(text)], language, rings=True)
