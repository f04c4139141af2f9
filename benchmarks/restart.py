"""From a restart until the alarm has spoken in every room, against nio's own client."""

import asyncio
import secrets

from banyan.services.roster import Roster
from benchmarks.measure import Kind, Result, Step, compared, in_turns, timed
from benchmarks.parts import Sizes, Stage
from benchmarks.speaker import Device, books, listening, message, new_device
from benchmarks.stock import StockDevice, catch_up, new_stock_device, send


async def restart(stage: Stage, sizes: Sizes, step: Step) -> list[Result]:
    """Open the store, catch up with the homeserver, send in all rooms: at once for us, in turn for nio."""
    device = await new_device(stage, "b_restarted", stage.rooms)
    stock = await new_stock_device(stage, "b_restartedstock", stage.rooms)
    async with books(stage.directory / "restart.db", stage.synapse.server_name, stage.rooms) as ours:
        await _ours(stage, device, ours.roster)  # the first start is no restart
        await _stocks(stage, stock)
        pairs = await in_turns(
            lambda: timed(_ours(stage, device, ours.roster)),
            lambda: timed(_stocks(stage, stock)),
            sizes.rounds,
            step,
        )
    size = {"rooms": sizes.rooms, "members each": sizes.members}
    return [compared("restart until the alarm has spoken", Kind.FASTER, 5, pairs, size)]


async def _ours(stage: Stage, device: Device, roster: Roster) -> None:
    client = await device.open(roster)
    try:
        async with listening(client):
            await asyncio.gather(
                *(
                    client.send(place.room_id, message(0), txn_id=secrets.token_hex(16))
                    for place in stage.rooms
                )
            )
    finally:
        await client.close()


async def _stocks(stage: Stage, device: StockDevice) -> None:
    client = device.open()
    try:
        await catch_up(client, full=True)
        for place in stage.rooms:
            await send(client, place.room_id, dict(message(0)))
    finally:
        await client.close()
