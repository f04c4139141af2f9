"""An alert in many warm encrypted rooms, through the outbox, against bare requests with the same events."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any

import aiohttp

from banyan.clock import SystemClock
from banyan.domain.effects import Actor, Effect, NewEffect
from banyan.services.outbox import Drain
from benchmarks.measure import Kind, Result, Step, compared, in_turns
from benchmarks.parts import Sizes, Stage
from benchmarks.speaker import Books, Device, books, listening, message, new_device, until
from bots.client import Api, Client
from bots.outgoing import Outgoing


async def alert(stage: Stage, sizes: Sizes, step: Step) -> list[Result]:
    """Queued → the last room has the event: its request was answered."""
    device = await new_device(stage, "b_alarm", stage.rooms)
    async with books(stage.directory / "alert.db", stage.synapse.server_name, stage.rooms) as ours:
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
        self._outgoing = Outgoing(client, SystemClock())
        self._number = 0
        self._newest: dict[str, str] = {}
        """Room id → the event that was sent there last."""
        self._answered = 0.0

    async def product(self) -> float:
        """Our client listens meanwhile, as it does in life."""
        async with listening(self._client):
            await until(lambda: all(self._heard(room_id) for room_id in self._newest))
            await self._client.ready(60)
            drain = Drain(
                self._books.work,
                Actor.ALARM,
                {"say": self._say},
                SystemClock(),
                device_id=lambda: self._client.device_id,
            )
            self._books.wakes.listen(drain)
            draining = asyncio.create_task(drain.run())
            try:
                await asyncio.sleep(0)
                return await self._queue_and_wait()
            finally:
                draining.cancel()
                with suppress(asyncio.CancelledError):
                    await draining

    async def bare(self) -> float:
        """The events of our last turn once more, by the same account, all requests at once."""
        token = self._device.credentials.access_token
        headers = {"Authorization": f"Bearer {token}"}
        base = f"{self._stage.synapse.url}/_matrix/client/v3"
        async with Api(self._stage.synapse.url, token) as api, aiohttp.ClientSession(headers=headers) as http:
            events = {
                room_id: (await api.request("GET", "/rooms/{}/event/{}", room_id, event_id))["content"]
                for room_id, event_id in self._newest.items()
            }

            async def put(room_id: str, content: Mapping[str, Any]) -> None:
                url = f"{base}/rooms/{room_id}/send/m.room.encrypted/{secrets.token_hex(16)}"
                async with http.put(url, json=content) as answer:
                    answer.raise_for_status()
                    self._newest[room_id] = (await answer.json())["event_id"]

            began = perf_counter()
            await asyncio.gather(*(put(room_id, content) for room_id, content in events.items()))
            return perf_counter() - began

    async def _queue_and_wait(self) -> float:
        self._number += 1
        before = dict(self._newest)
        async with self._books.work() as tx:
            for place in self._stage.rooms:
                payload = {"room_id": place.room_id, "content": message(self._number)}
                await tx.outbox.put(NewEffect(Actor.ALARM, "say", payload, lane=place.room_id))
        began = perf_counter()
        rooms = [place.room_id for place in self._stage.rooms]
        await until(lambda: all(self._newest.get(room) != before.get(room) for room in rooms))
        took = self._answered - began
        await self._until_written()
        return took

    async def _say(self, effect: Effect) -> Mapping[str, Any]:
        """What the desk and the alarm do with an effect, and when it was done."""
        room_id = effect.payload["room_id"]
        event_id = await self._outgoing.send(effect, room_id, effect.payload["content"])
        self._answered = perf_counter()
        self._newest[room_id] = event_id
        return {"event_id": event_id}

    async def _until_written(self) -> None:
        while True:
            async with self._books.work.reading() as tx:
                if not (await tx.outbox.waiting())[Actor.ALARM]:
                    return
            await asyncio.sleep(0.01)

    def _heard(self, room_id: str) -> bool:
        return self._client.rooms[room_id].last_event == self._newest[room_id]
