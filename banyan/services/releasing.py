"""Sending an alert off: to exactly the rooms of its areas, in the unit of work that decided it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from banyan.domain.alerts import Alert
from banyan.domain.checkins import asks
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.errors import NotFound
from banyan.network import Area, Network
from banyan.services.intake_errors import AreaNotReady, UnknownArea
from banyan.services.ports import Clock, UnitOfWork

Target = tuple[Area, Room]

HEAD_START = timedelta(seconds=5)
"""The alarm goes first: nobody is asked how they are before they can have read why."""


class Releasing:
    """What leaves when an alert is on its way."""

    def __init__(self, clock: Clock, network: Network) -> None:
        self._clock = clock
        self._network = network

    async def targets(self, tx: UnitOfWork, areas: Sequence[str]) -> Sequence[Target]:
        """Each area addressed, once, with its alert room.

        Raise `UnknownArea`, or `AreaNotReady` for an area without its room: half an alert would look like a
        whole one, so nothing is sent until every room exists.
        """
        try:
            found = {area.key: area for key in areas for area in self._network.expand(key)}
        except NotFound:
            raise UnknownArea("The network has no such area.") from None
        return [(area, await _room(tx, area)) for area in found.values()]

    async def release(
        self, tx: UnitOfWork, alert: Alert, targets: Sequence[Target], entry: NewEntry, *, confirmed: bool
    ) -> None:
        """Write the entry and the postings. `confirmed`: two persons stand behind it.

        One statement for all: the alarm must not wait for its own book-keeping.
        """
        await tx.log.append(entry)
        effects = [_posting(alert, area, room, confirmed=confirmed) for area, room in targets]
        await tx.outbox.put_all([*effects, *self._roll_call(alert)])

    def _roll_call(self, alert: Alert) -> Iterator[NewEffect]:
        if asks(alert):
            yield NewEffect(
                Actor.DESK,
                "roll_call",
                {"alert_id": alert.id},
                dedupe=f"roll-call:{alert.id}",
                not_before=self._clock.now() + HEAD_START,
            )


def entry_of(action: Action, actor: str, alert: Alert, **more: str) -> NewEntry:
    """What the log says of an alert: codes, never a word of it."""
    about = {"areas": ",".join(alert.areas), "severity": alert.severity, "response": alert.response}
    return NewEntry(action, actor, alert.id, details={**about, **more})


async def _room(tx: UnitOfWork, area: Area) -> Room:
    room = await tx.rooms.get(room_key(RoomKind.ALERT, area.key))
    if room is None:
        raise AreaNotReady("An area has no alert room yet; the operator has to run `banyan apply`.")
    return room


def _posting(alert: Alert, area: Area, room: Room, *, confirmed: bool) -> NewEffect:
    return NewEffect(
        Actor.ALARM,
        "alert",
        {
            "alert_id": alert.id,
            "room_id": room.room_id,
            "area": area.key,
            "language": room.language,
            "zone": area.zone,
            "confirmed": confirmed,
        },
        lane=room.room_id,
        subject=alert.id,
        dedupe=f"alert:{alert.id}:{room.room_id}",
    )
