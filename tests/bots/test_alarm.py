"""The alarm: what it makes of an alert's effects."""

import asyncio
from datetime import timedelta

import pytest

from banyan.domain.alerts import Alert, AlertState, AlertText, Kind, Response, Severity, Status
from banyan.domain.effects import Actor, Effect, EffectState
from banyan.services.outbox import Never
from bots.alarm import Alarm
from tests.fakes import NOON


def alert(number: str) -> Alert:
    return Alert(
        id=number,
        sender="desk",
        identifier=number,
        sent=NOON,
        expires=NOON + timedelta(hours=1),
        status=Status.ACTUAL,
        areas=("VN",),
        kind=Kind.RAID,
        severity=Severity.SEVERE,
        response=Response.AVOID,
        texts={"en": AlertText(f"alert {number}")},
        state=AlertState.QUEUED,
        received=NOON,
    )


def effect(alert_id: str, room_id: str, language: str = "en") -> Effect:
    payload = {"alert_id": alert_id, "room_id": room_id, "language": language, "zone": "UTC"}
    return Effect(
        id=f"{alert_id}-{room_id}",
        seq=1,
        actor=Actor.ALARM,
        kind="alert",
        payload=payload,
        lane=room_id,
        subject=alert_id,
        state=EffectState.QUEUED,
        queued=NOON,
    )


class Shelf:
    """Alerts that count how often they are read."""

    def __init__(self, *alerts: Alert) -> None:
        self.alerts = {each.id: each for each in alerts}
        self.reads: list[str] = []

    async def get(self, alert_id: str) -> Alert | None:
        self.reads.append(alert_id)
        await asyncio.sleep(0)  # as a database would, it lets the others go on
        return self.alerts.get(alert_id)


class Rooms:
    """Remembers what was said where."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}

    async def send(self, _effect, room_id, content) -> str:
        self.said.setdefault(room_id, []).append(content["body"])
        return f"${len(self.said)}"


async def test_an_alert_for_many_rooms_is_read_once():
    """Rooms that begin together share the reading: the database is not asked once a room."""
    shelf, rooms = Shelf(alert("1")), Rooms()
    alarm = Alarm(rooms, shelf)
    await asyncio.gather(*(alarm.post(effect("1", f"!{number}")) for number in range(30)))
    assert shelf.reads == ["1"]
    assert len(rooms.said) == 30


async def test_each_room_gets_its_own_alert_in_its_own_language():
    """What was worded for one alert or language is never said for another."""
    rooms = Rooms()
    alarm = Alarm(rooms, Shelf(alert("1"), alert("2")))
    posts = [effect("1", "!a"), effect("2", "!a"), effect("1", "!b", "vi"), effect("1", "!c")]
    await asyncio.gather(*map(alarm.post, posts))
    first, second = rooms.said["!a"]
    assert "alert 1" in first
    assert "alert 2" in second
    assert rooms.said["!c"] == [first]
    assert rooms.said["!b"][0] != first


async def test_an_alert_that_does_not_exist_is_never_posted():
    """The effect ends, it is not tried for ever."""
    rooms = Rooms()
    with pytest.raises(Never):
        await Alarm(rooms, Shelf()).post(effect("9", "!a"))
    assert rooms.said == {}
