"""The alarm: posts alerts, and counts who has seen them. It speaks nowhere else."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from banyan.domain.alerts import Alert
from banyan.domain.effects import Effect
from banyan.services.alerts import Alerts
from banyan.services.outbox import Handler, Never
from bots.alert_texts import alert_message
from bots.outgoing import Outgoing


class Alarm:
    """Handlers of the effects addressed to the alarm, and of read receipts in its rooms."""

    def __init__(self, outgoing: Outgoing, alerts: Alerts) -> None:
        self._outgoing = outgoing
        self._alerts = alerts
        self._posted: defaultdict[str, list[str]] = defaultdict(list)
        """Event ids of alerts by room, oldest first."""
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        """User ids by event id: in memory only, the database keeps no more than their number."""
        self._latest: Alert | None = None
        self._contents: dict[tuple[str, str], Mapping[str, Any]] = {}
        """What the latest alert says, by language and zone."""
        self._reading = asyncio.Lock()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"alert": self.post}

    async def recall(self) -> None:
        """Recognise the alerts posted before this process began."""
        for status in await self._alerts.all():
            for room in status.rooms:
                if room.event_id:
                    self._posted[room.room_id].append(room.event_id)

    async def post(self, effect: Effect) -> Mapping[str, Any]:
        """Post one alert in one room, in the room's language and English. Result: `{"event_id"}`."""
        content = await self._content(effect.payload)
        room_id = effect.payload["room_id"]
        event_id = await self._outgoing.send(effect, room_id, content)
        self._posted[room_id].append(event_id)
        return {"event_id": event_id}

    async def saw(self, room_id: str, user_id: str, event_id: str) -> None:
        """Count a read receipt: for that alert and for those above it in the room."""
        posted = self._posted[room_id]
        if event_id not in posted:
            return
        for read in posted[: posted.index(event_id) + 1]:
            if user_id not in self._readers[read]:
                self._readers[read].add(user_id)
                await self._alerts.saw(read, len(self._readers[read]))

    async def _content(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read and word an alert once: all its rooms begin at the same moment, and it never changes."""
        alert_id, language, zone = (asked[name] for name in ("alert_id", "language", "zone"))
        async with self._reading:
            if self._latest is None or self._latest.id != alert_id:
                self._latest, self._contents = await self._alerts.get(alert_id), {}
            if self._latest is None:
                raise Never("no-such-alert")
            if (language, zone) not in self._contents:
                confirmed = bool(asked.get("confirmed"))
                self._contents[language, zone] = alert_message(
                    self._latest, language, zone, confirmed=confirmed
                )
            return self._contents[language, zone]
