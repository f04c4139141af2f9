"""An alert in many warm encrypted rooms, through the outbox, against bare requests with the same events."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from time import perf_counter
from typing import Any

import aiohttp

from banyan.clock import SystemClock
from banyan.domain.alerts import (
    Alert,
    AlertState,
    AlertText,
    Response,
    Sender,
    Severity,
    Status,
)
from banyan.domain.alerts import (
    Kind as AlertKind,
)
from banyan.domain.effects import Actor, Effect, NewEffect
from banyan.services.alerts import Alerts, Links
from banyan.services.outbox import Drain
from banyan.vault import FileVault
from benchmarks.measure import Kind, Result, Step, compared, in_turns
from benchmarks.parts import Sizes, Stage
from benchmarks.speaker import Books, Device, Ids, books, listening, new_device, until
from bots.alarm import Alarm
from bots.client import Api, Client
from bots.outgoing import Outgoing

SENDER = "benchmark"
WORDS = "Stay indoors, keep your phone charged and wait for word. "


async def alert(stage: Stage, sizes: Sizes, step: Step) -> list[Result]:
    """Queued → the last room has the event: its request was answered."""
    device = await new_device(stage, "b_alarm", stage.rooms)
    async with books(stage.directory / "alert.db", stage.synapse.server_name, stage.rooms) as ours:
        async with ours.work() as tx:
            await tx.senders.add(Sender(SENDER, bytes(32), direct=True))
        client = await device.open(ours.roster)
        try:
            turns = _Turns(stage, device, client, ours)
            await turns.product()  # the first shares the keys and leaves events to copy
            pairs = await in_turns(turns.product, turns.bare, 3 * sizes.rounds, step)
        finally:
            await client.close()
    size = {"rooms": sizes.rooms, "members each": sizes.members}
    return [compared("alert, warm rooms", Kind.RATIO, 1.3, pairs, size)]


class _Turns:
    def __init__(self, stage: Stage, device: Device, client: Client, ours: Books) -> None:
        self._stage = stage
        self._device = device
        self._client = client
        self._books = ours
        alerts = Alerts(ours.work, Links(FileVault(stage.directory / "home.key"), ""))
        self._post = Alarm(Outgoing(client, SystemClock()), alerts).handlers["alert"]
        self._newest: dict[str, str] = {}
        """Room id → the event that was sent there last."""
        self._events: dict[str, Mapping[str, Any]] = {}
        """Contents of our last turn, encrypted."""
        self._answered = 0.0

    async def product(self) -> float:
        """Our client listens meanwhile, as it does in life."""
        async with listening(self._client):
            await until(lambda: all(self._heard(room_id) for room_id in self._newest))
            await self._client.ready(60)
            drain = Drain(
                self._books.work,
                Actor.ALARM,
                {"alert": self._timed_post},
                SystemClock(),
                device_id=lambda: self._client.device_id,
            )
            self._books.wakes.listen(drain)
            draining = asyncio.create_task(drain.run())
            try:
                return await self._queue_and_wait()
            finally:
                draining.cancel()
                with suppress(asyncio.CancelledError):
                    await draining

    async def bare(self) -> float:
        """The events of our last turn once more, by the same account, all requests at once."""
        base = f"{self._stage.synapse.url}/_matrix/client/v3"
        headers = {"Authorization": f"Bearer {self._device.credentials.access_token}"}
        async with aiohttp.ClientSession(headers=headers) as http:

            async def put(room_id: str, content: Mapping[str, Any]) -> None:
                url = f"{base}/rooms/{room_id}/send/m.room.encrypted/{secrets.token_hex(16)}"
                async with http.put(url, json=content) as answer:
                    answer.raise_for_status()
                    self._newest[room_id] = (await answer.json())["event_id"]

            began = perf_counter()
            await asyncio.gather(*(put(room_id, content) for room_id, content in self._events.items()))
            return perf_counter() - began

    async def _queue_and_wait(self) -> float:
        before = dict(self._newest)
        announced = _alert()
        async with self._books.work() as tx:
            await tx.alerts.add(announced, announced.id)
            for place in self._stage.rooms:
                payload = {
                    "alert_id": announced.id,
                    "room_id": place.room_id,
                    "language": "vi",
                    "zone": "UTC",
                }
                await tx.outbox.put(
                    NewEffect(Actor.ALARM, "alert", payload, lane=place.room_id, subject=announced.id)
                )
        began = perf_counter()
        rooms = [place.room_id for place in self._stage.rooms]
        await until(lambda: all(self._newest.get(room) != before.get(room) for room in rooms))
        took = self._answered - began
        await self._until_written()
        await self._copy_events()
        return took

    async def _copy_events(self) -> None:
        """Now and not in the peer's turn, where it would warm Synapse up."""
        async with Api(self._stage.synapse.url, self._device.credentials.access_token) as api:
            for room_id, event_id in self._newest.items():
                event = await api.request("GET", "/rooms/{}/event/{}", room_id, event_id)
                self._events[room_id] = event["content"]

    async def _timed_post(self, effect: Effect) -> Mapping[str, Any]:
        """What the alarm does with an effect, and when it was done."""
        result = await self._post(effect)
        self._answered = perf_counter()
        self._newest[effect.payload["room_id"]] = result["event_id"]
        return result

    async def _until_written(self) -> None:
        while True:
            async with self._books.work.reading() as tx:
                if not (await tx.outbox.waiting())[Actor.ALARM]:
                    return
            await asyncio.sleep(0.01)

    def _heard(self, room_id: str) -> bool:
        return self._client.rooms[room_id].last_event == self._newest[room_id]


def _alert() -> Alert:
    """One of usual length, in two languages."""
    number, now = Ids().opaque(), SystemClock().now()
    text = AlertText("Violence near the market", WORDS * 6, WORDS * 2)
    return Alert(
        id=number,
        sender=SENDER,
        identifier=number,
        sent=now,
        expires=now + timedelta(hours=6),
        status=Status.ACTUAL,
        areas=("VN",),
        kind=AlertKind.VIOLENCE,
        severity=Severity.SEVERE,
        response=Response.AVOID,
        texts={"en": text, "vi": text},
        state=AlertState.QUEUED,
        received=now,
    )
