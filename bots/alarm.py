"""The alarm: posts alerts, speaks nowhere else."""

from collections.abc import Mapping
from typing import Any

from banyan.domain.effects import Effect
from banyan.services.alerts import Alerts
from banyan.services.outbox import Handler, Never
from bots.outgoing import Outgoing
from bots.texts import alert_message


class Alarm:
    """Handlers of the effects addressed to the alarm."""

    def __init__(self, outgoing: Outgoing, alerts: Alerts) -> None:
        self._outgoing = outgoing
        self._alerts = alerts

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"alert": self.post}

    async def post(self, effect: Effect) -> Mapping[str, Any]:
        """Post one alert in one room, in the room's language and English. Result: `{"event_id"}`."""
        alert = await self._alerts.get(effect.payload["alert_id"])
        if alert is None:
            raise Never("the alert of this effect does not exist")
        content = alert_message(alert, effect.payload["language"], effect.payload["zone"])
        event_id = await self._outgoing.send(effect, effect.payload["room_id"], content)
        return {"event_id": event_id}
