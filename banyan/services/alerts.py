"""Emergency alerts: accepted with a signature, sent room by room, told how far they have come."""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from banyan.domain.alerts import (
    Alert,
    AlertState,
    Delivery,
    RoomDelivery,
    Sender,
    Severity,
    Status,
    needs_two,
)
from banyan.domain.effects import Actor, Effect, EffectState, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.errors import NotFound
from banyan.network import LANGUAGES, Area, Network
from banyan.services.alert_body import Body, check_times, parse
from banyan.services.intake_errors import (
    AlreadySent,
    AreaNotReady,
    BadSignature,
    IdentifierUsed,
    NotRelayed,
    Refused,
    TooMany,
    UnknownArea,
    Unsigned,
)
from banyan.services.limits import Bucket, Buckets
from banyan.services.ports import Clock, Ids, UnitOfWork, Vault, Work
from banyan.services.senders import NAME
from banyan.services.signatures import verify

ALERT_ID = re.compile(r"[0-9a-f]{32}")
SECRET_LENGTH = 32
"""Hex digits of the secret in a status link: 128 bits."""


@dataclass(frozen=True)
class Accepted:
    """An alert is ours now: it is on the disk."""

    id: str
    state: AlertState
    status_url: str


@dataclass(frozen=True)
class AlertStatus:
    """How far an alert has come."""

    id: str
    state: AlertState
    rooms: tuple[RoomDelivery, ...]


class Alerts:
    """Accepting alerts and telling how far they have come."""

    def __init__(
        self, work: Work, clock: Clock, ids: Ids, *, network: Network, vault: Vault, web_url: str
    ) -> None:
        """`web_url` is how the world reaches the public listener, without a slash at its end."""
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._vault = vault
        self._web_url = web_url
        limits, hour = network.limits, timedelta(hours=1)
        self._usual = Buckets(limits.alerts_per_hour, hour, clock)
        self._extreme = Buckets(limits.extreme_alerts_per_hour, hour, clock)
        self._refusals = Bucket(limits.refused_alerts_per_minute, timedelta(minutes=1), clock)

    async def submit(self, sender_name: str | None, signature: str | None, raw: bytes) -> Accepted:
        """Accept a signed alert: held until two persons approve, or queued for every room of its areas.

        Raise a `Refused`; nothing was written then. The signature is checked before anything is parsed, and a
        repeated body answers as itself however late it comes, so that a sender may retry without fear.
        """
        sender = await self._authenticate(sender_name, signature, raw)
        digest = sha256(raw).hexdigest()
        try:
            body = parse(raw, LANGUAGES)
            async with self._work.reading() as tx:
                await self._refuse_repeated(tx, sender, body, digest)
            areas = self._relayed(body)
        except AlreadySent:
            raise
        except Refused:
            # Not from the sender's own: mistakes, or recordings of them, must not use up an emergency's.
            self._count_refusal()
            raise
        async with self._work() as tx:
            await self._refuse_repeated(tx, sender, body, digest)
            targets = [(area, await self._room(tx, area)) for area in areas]
            self._count(sender, body.severity)
            alert = self._alert(body, sender)
            await tx.alerts.add(alert, digest)
            action = Action.ALERT_QUEUED if alert.state is AlertState.QUEUED else Action.ALERT_HELD
            about = {"areas": ",".join(body.areas), "severity": body.severity, "response": body.response}
            details: dict[str, str | int | bool] = {**about, "body": digest}
            await tx.log.append(NewEntry(action, f"sender:{sender.name}", alert.id, details=details))
            if alert.state is AlertState.QUEUED:
                await tx.outbox.put_all([_posting(alert, area, room) for area, room in targets])
        return Accepted(alert.id, alert.state, self._status_url(alert.id))

    async def get(self, alert_id: str) -> Alert | None:
        """The alert with that id."""
        async with self._work.reading() as tx:
            return await tx.alerts.get(alert_id)

    async def all(self) -> Sequence[AlertStatus]:
        """Every alert and how far it has come, oldest first."""
        async with self._work.reading() as tx:
            return [await self._how_far(tx, alert) for alert in await tx.alerts.all()]

    async def status(self, alert_id: str, secret: str) -> AlertStatus:
        """How far an alert has come, for whoever holds its link. Raise `NotFound` for a wrong secret too."""
        right = ALERT_ID.fullmatch(alert_id) and hmac.compare_digest(
            self._secret(alert_id).encode(), secret.encode("utf-8", "replace")
        )
        if right:
            async with self._work.reading() as tx:
                if alert := await tx.alerts.get(alert_id):
                    return await self._how_far(tx, alert)
        raise NotFound("There is no such alert.")

    async def saw(self, event_id: str, people: int) -> None:
        """At least so many people have seen what was posted as that event."""
        async with self._work() as tx:
            await tx.alerts.saw(event_id, people)

    async def _authenticate(self, name: str | None, signature: str | None, raw: bytes) -> Sender:
        try:
            return await self._identify(name, signature, raw)
        except (Unsigned, BadSignature):
            # Only failures are counted: a flood of them keeps no enrolled sender out.
            self._count_refusal()
            raise

    def _count_refusal(self) -> None:
        if not self._refusals.take():
            raise TooMany("Too many requests that we had to refuse. Try again in a minute.") from None

    async def _identify(self, name: str | None, signature: str | None, raw: bytes) -> Sender:
        if not name or not signature:
            raise Unsigned("The headers Banyan-Sender and Banyan-Signature are needed.")
        async with self._work.reading() as tx:
            sender = await tx.senders.get(name) if NAME.fullmatch(name) else None
        return verify(sender, signature, raw, name)

    def _count(self, sender: Sender, severity: Severity) -> None:
        if self._usual.take(sender.name):
            return
        if severity is Severity.EXTREME and self._extreme.take(sender.name):
            return
        raise TooMany("This sender has sent too many alerts. Try again later, or warn by another way.")

    async def _refuse_repeated(self, tx: UnitOfWork, sender: Sender, body: Body, digest: str) -> None:
        first = await tx.alerts.find(sender.name, body.identifier, digest)
        if first is None:
            return
        refusal: type[AlreadySent]
        if await tx.alerts.find(sender.name, "", digest):
            refusal, why = AlreadySent, "This alert was accepted before; its state is at status_url."
        else:
            refusal, why = IdentifierUsed, "This identifier stands for another alert. Take a new one."
        raise refusal(why, first.id, self._status_url(first.id))

    def _relayed(self, body: Body) -> Sequence[Area]:
        """Areas of an alert that is of this moment and for real."""
        check_times(body, self._clock.now())
        if body.status is not Status.ACTUAL:
            raise NotRelayed("Only `actual` alerts are relayed: drills have no rooms yet.")
        try:
            found = {area.key: area for key in body.areas for area in self._network.expand(key)}
        except NotFound:
            raise UnknownArea("The network has no such area.") from None
        return list(found.values())

    async def _room(self, tx: UnitOfWork, area: Area) -> Room:
        room = await tx.rooms.get(room_key(RoomKind.ALERT, area.key))
        if room is None:
            # Half an alert would look like a whole one: nothing is sent until every room exists.
            raise AreaNotReady("An area has no alert room yet; the operator has to run `banyan apply`.")
        return room

    def _alert(self, body: Body, sender: Sender) -> Alert:
        held = needs_two(sender, body.severity, body.response)
        return Alert(
            id=self._ids.opaque(),
            sender=sender.name,
            identifier=body.identifier,
            sent=body.sent,
            expires=body.expires,
            status=body.status,
            areas=body.areas,
            kind=body.kind,
            severity=body.severity,
            response=body.response,
            texts=dict(body.texts),
            state=AlertState.HELD if held else AlertState.QUEUED,
            received=self._clock.now(),
        )

    async def _how_far(self, tx: UnitOfWork, alert: Alert) -> AlertStatus:
        effects = await tx.outbox.of_subject(alert.id)
        events = [effect.result["event_id"] for effect in effects if "event_id" in effect.result]
        return AlertStatus(alert.id, alert.state, tuple(_deliveries(effects, await tx.alerts.seen(events))))

    def _secret(self, alert_id: str) -> str:
        return self._vault.mac("alert-status", alert_id)[:SECRET_LENGTH]

    def _status_url(self, alert_id: str) -> str:
        return f"{self._web_url}/alerts/{alert_id}/{self._secret(alert_id)}"


def _posting(alert: Alert, area: Area, room: Room) -> NewEffect:
    return NewEffect(
        Actor.ALARM,
        "alert",
        {
            "alert_id": alert.id,
            "room_id": room.room_id,
            "area": area.key,
            "language": room.language,
            "zone": area.zone,
        },
        lane=room.room_id,
        subject=alert.id,
        dedupe=f"alert:{alert.id}:{room.room_id}",
    )


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
