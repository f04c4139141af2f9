"""Handing an invitation to who asked for it: in their own chat, gone after ten minutes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from banyan.domain.effects import Effect
from banyan.i18n import N_, Text
from banyan.services.outbox import Handler
from banyan.services.traces import SHORT
from bots.desk import Desk
from bots.texts import message

HANDED = N_("Two of you stand behind the invitation. This link lets one person in, once, until {expires}:")
AS = N_("They will be called {name}. Hand the link over in person or by a way you trust.")
SOON_GONE = N_("I remove this message in ten minutes. Copy the link now.")


class Invitations:
    """Handlers of the desk's effects about invitations."""

    def __init__(self, desk: Desk, web_url: str) -> None:
        """`web_url` is how the world reaches the join page, without a slash at its end."""
        self._desk = desk
        self._web_url = web_url

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"invitation": self.hand_over}

    async def hand_over(self, effect: Effect) -> Mapping[str, Any]:
        """Tell the link. Result: `{"event_id"}`."""
        known = effect.payload
        name = known["user_id"].removeprefix("@").partition(":")[0]
        said = [
            Text(HANDED, expires=datetime.fromisoformat(known["expires"])),
            Text("{link}", link=f"{self._web_url}/join/{known['token']}"),
            Text(AS, name=name),
            Text(SOON_GONE),
        ]
        content = message(said, known["language"], known["zone"], rings=True)
        return {"event_id": await self._desk.speak(effect, known["room_id"], content, SHORT)}
