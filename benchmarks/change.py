"""An alert right after somebody came or went in every room, against nio's own client."""

import asyncio
import secrets

from nio import AsyncClient

from benchmarks.measure import Kind, Pair, Result, Step, compared, in_turns, timed
from benchmarks.parts import Place, Sizes, Stage, together
from benchmarks.speaker import books, listening, message, new_device, until
from benchmarks.stock import catch_up, new_stock_device, send
from bots.client import Client


async def alert_after_change(stage: Stage, sizes: Sizes, step: Step) -> list[Result]:
    """All rooms at once for us, one after another for nio: each at its best.

    Our client does not warm up by itself here: the alert comes before it could. Both have heard of the
    changes when the clock starts. In turns somebody leaves every room, so that its key has to be replaced,
    and comes back, so that only the newcomer needs it; the worse of the two counts.
    """
    device = await new_device(stage, "b_changed", stage.rooms)
    stock_device = await new_stock_device(stage, "b_stock", stage.rooms)
    stock = stock_device.open()
    async with books(stage.directory / "change.db", stage.synapse.server_name, stage.rooms) as ours:
        client = await device.open(ours.roster, keep_warm=False)
        try:
            async with listening(client):
                await catch_up(stock, full=True)
                turns = _Turns(stage, client, stock)
                await turns.product()
                await turns.peer()
                gone: list[Pair] = []
                back: list[Pair] = []
                for number in range(sizes.rounds):
                    first = bool(number % 2)
                    await turns.change(number, joined=False)
                    gone += await in_turns(turns.product, turns.peer, 1, peer_first=first)
                    await turns.change(number, joined=True)
                    back += await in_turns(turns.product, turns.peer, 1, peer_first=first)
                    step(number + 1, sizes.rounds)
        finally:
            await client.close()
            await stock.close()
    size = {"rooms": sizes.rooms, "members each": sizes.members}
    left = compared("alert after somebody left every room", Kind.FASTER, 8, gone, size)
    came = compared("alert after somebody joined every room", Kind.FASTER, 8, back, size)
    return [left, came]


class _Turns:
    def __init__(self, stage: Stage, client: Client, stock: AsyncClient) -> None:
        self._stage = stage
        self._client = client
        self._stock = stock

    async def change(self, number: int, *, joined: bool) -> None:
        """Let one person leave each room or come back, and both clients hear of it."""
        moved = [(place.people[number % len(place.people)].user_id, place) for place in self._stage.rooms]
        move = self._stage.join if joined else self._stage.leave
        await together(move(user_id, place.room_id) for user_id, place in moved)
        await until(lambda: all(self._is_in(user_id, place) is joined for user_id, place in moved))
        await self._client.ready(60)
        await catch_up(self._stock)

    async def product(self) -> float:
        sends = (
            self._client.send(place.room_id, message(0), txn_id=secrets.token_hex(16))
            for place in self._stage.rooms
        )
        return await timed(asyncio.gather(*sends))

    async def peer(self) -> float:
        return await timed(self._one_by_one())

    async def _one_by_one(self) -> None:
        for place in self._stage.rooms:
            await send(self._stock, place.room_id, dict(message(0)))

    def _is_in(self, user_id: str, place: Place) -> bool:
        return user_id in self._client.rooms[place.room_id].joined
