"""Accepted alerts: what each says, and how far it has come."""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from banyan.domain.alerts import Alert, AlertState, Delivery, RoomDelivery
from banyan.domain.effects import Effect, EffectState
from banyan.errors import NotFound
from banyan.services.ports import UnitOfWork, Vault, Work

ALERT_ID = re.compile(r"[0-9a-f]{32}")
SECRET_LENGTH = 32
"""Hex digits of the secret in a status link: 128 bits."""


class Links:
    """Where the sender of an alert sees how far it has come: whoever holds the link may look."""

    def __init__(self, vault: Vault, web_url: str) -> None:
        """`web_url` is how the world reaches the public listener, without a slash at its end."""
        self._vault = vault
        self._web_url = web_url

    def to(self, alert_id: str) -> str:
        """The link of that alert."""
        return f"{self._web_url}/alerts/{alert_id}/{self._secret(alert_id)}"

    def fits(self, alert_id: str, secret: str) -> bool:
        """Whether both come from one of our links; what is no id fits nothing."""
        tried = secret.encode("utf-8", "replace")
        return bool(ALERT_ID.fullmatch(alert_id)) and hmac.compare_digest(
            self._secret(alert_id).encode(), tried
        )

    def _secret(self, alert_id: str) -> str:
        return self._vault.mac("alert-status", alert_id)[:SECRET_LENGTH]


@dataclass(frozen=True)
class AlertStatus:
    """How far an alert has come."""

    id: str
    state: AlertState
    rooms: tuple[RoomDelivery, ...]


class Alerts:
    """Reading alerts, and counting who has seen them."""

    def __init__(self, work: Work, links: Links) -> None:
        self._work = work
        self._links = links

    async def get(self, alert_id: str) -> Alert | None:
        """The alert with that id."""
        async with self._work.reading() as tx:
            return await tx.alerts.get(alert_id)

    async def all(self) -> Sequence[AlertStatus]:
        """Every alert and how far it has come, oldest first."""
        async with self._work.reading() as tx:
            return [await _how_far(tx, alert) for alert in await tx.alerts.all()]

    async def status(self, alert_id: str, secret: str) -> AlertStatus:
        """How far an alert has come, for whoever holds its link. Raise `NotFound` for a wrong secret too."""
        if self._links.fits(alert_id, secret):
            async with self._work.reading() as tx:
                if alert := await tx.alerts.get(alert_id):
                    return await _how_far(tx, alert)
        raise NotFound("There is no such alert.")

    async def saw(self, event_id: str, people: int) -> None:
        """At least so many people have seen what was posted as that event."""
        async with self._work() as tx:
            await tx.alerts.saw(event_id, people)


async def _how_far(tx: UnitOfWork, alert: Alert) -> AlertStatus:
    effects = await tx.outbox.of_subject(alert.id)
    events = [effect.result["event_id"] for effect in effects if "event_id" in effect.result]
    return AlertStatus(alert.id, alert.state, tuple(_deliveries(effects, await tx.alerts.seen(events))))


DELIVERIES = {
    EffectState.QUEUED: Delivery.QUEUED,
    EffectState.DONE: Delivery.SENT,
    EffectState.DEAD: Delivery.FAILED,
}


def _deliveries(effects: Sequence[Effect], seen: Mapping[str, int]) -> Iterator[RoomDelivery]:
    for effect in effects:
        event_id = effect.result.get("event_id")
        yield RoomDelivery(
            area=effect.payload["area"],
            room_id=effect.payload["room_id"],
            state=DELIVERIES[effect.state],
            event_id=event_id,
            queued=effect.queued,
            sent=effect.done if effect.state is EffectState.DONE else None,
            seen=seen.get(event_id, 0) if event_id else 0,
        )
