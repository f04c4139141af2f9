"""The alarm: posts alerts, and counts who has seen them. It speaks nowhere else."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from banyan.domain.effects import Effect
from banyan.services.alerts import Alerts
from banyan.services.outbox import Handler, Never
from bots.outgoing import Outgoing
from bots.texts import alert_message


class Alarm:
    """Handlers of the effects addressed to the alarm, and of read receipts in its rooms."""

    def __init__(self, outgoing: Outgoing, alerts: Alerts) -> None:
        self._outgoing = outgoing
        self._alerts = alerts
        self._posted: defaultdict[str, list[str]] = defaultdict(list)
        """Event ids of alerts by room, oldest first."""
        self._readers: defaultdict[str, set[str]] = defaultdict(set)
        """User ids by event id: in memory only, the database keeps no more than their number."""

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
        alert = await self._alerts.get(effect.payload["alert_id"])
        if alert is None:
            raise Never("no-such-alert")
        content = alert_message(alert, effect.payload["language"], effect.payload["zone"])
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
