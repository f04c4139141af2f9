"""Giving a room's key to many devices for the first time, against nio's own client."""

from statistics import median

from nio import AsyncClient, ShareGroupSessionResponse

from benchmarks.measure import Kind, Result, Step, alone, compared, in_turns, stalls, timed
from benchmarks.parts import Place, Sizes, Stage
from benchmarks.speaker import books, new_device
from benchmarks.stock import expect, new_stock_device


async def cold_share(stage: Stage, sizes: Sizes, step: Step) -> list[Result]:
    """A new device each time: ask for everybody's keys, begin sessions, hand the room key out.

    Our time has also the question who is in the room, which nio has answered by a sync before.
    """
    assert stage.big is not None
    room = stage.big
    longest: list[float] = []
    async with books(stage.directory / "cold.db", stage.synapse.server_name, [room]) as ours:

        async def product() -> float:
            device = await new_device(stage, "b_cold", [room])
            client = await device.open(ours.roster, keep_warm=False)
            try:
                async with stalls() as found:
                    took = await timed(client.warm([room.room_id]))
                longest.append(found.longest)
                return took
            finally:
                await client.close()

        pairs = await in_turns(product, lambda: _stock(stage, room), sizes.rounds, step)
    stalled = [round(seconds * 1000) for seconds in longest]
    size = {"devices": len(room.people)}
    return [
        compared("cold key share", Kind.FASTER, 4, pairs, size),
        alone("longest stall while sharing", 100, median(stalled), "ms", size, rounds=stalled),
    ]


async def _stock(stage: Stage, room: Place) -> float:
    device = await new_stock_device(stage, "b_coldstock", [room])
    client = device.open()
    try:
        await client.sync(timeout=0, full_state=True)
        return await timed(_share(client, room.room_id))
    finally:
        await client.close()


async def _share(client: AsyncClient, room_id: str) -> None:
    await client.keys_query()
    answer = await client.share_group_session(room_id, ignore_unverified_devices=True)
    expect(ShareGroupSessionResponse, answer)
