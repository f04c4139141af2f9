"""`make demo`: the whole of it on one machine, with sample members who are real encrypted clients."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console

from banyan.demo.alarm import Told, raise_alarm, read_by
from banyan.demo.evening import spend
from banyan.demo.network import Running
from banyan.demo.report import Report, outside_decrypted
from banyan.demo.sample import PEOPLE, Reader, reading, remembered
from banyan.logs import log_to
from banyan.progress import Steps
from banyan.settings import Home

AREAS = ("MM", "TH")
"""Where the sample alert goes."""


async def run(home: Home, console: Console) -> int:
    """Bring the example network up, let members in, raise an alert, see who could read it.

    Leaves `report.json` in the home. Exit status: 0 when everybody addressed read it and nobody else could.
    """
    line = Steps(console)
    log_to(home.logs / "demo.log")
    line.say("[bold]Banyan[/bold]: the example network, on this machine only")
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        network = await stack.enter_async_context(Running.up(home, http))
        grown = await network.grown()
        line.say(f"{grown.spaces} spaces and {grown.encrypted} encrypted rooms stand")
        readers = await _members(home, network, stack, line)
        told = await raise_alarm(network, AREAS)
        line.say(f"alert for {' and '.join(AREAS)} accepted in {told.accepted_ms:.0f} ms")
        line.say(f"all of its {len(told.status['rooms'])} rooms had it {told.posted_ms:.0f} ms later")
        report = await _who_read(
            told, readers, line, rooms=grown.spaces + grown.encrypted, encrypted=grown.encrypted
        )
        evening = await spend(network, readers, home.path / "sample", line)
    report = replace(
        report,
        approvals=evening.approvals,
        answered=evening.answered,
        rsvp=evening.rsvp,
        reminded=evening.reminded,
        freeze_logged_out_ms=round(evening.logged_out_ms, 1),
    )
    good = report.good and evening.good
    file = home.path / "report.json"
    file.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n")
    line.say("[green]It worked.[/green]" if good else "[red]Not as it should be: see the report.[/red]")
    console.print(
        f"Report: {_short(file)}. To bring this network up again: banyan up --home {_short(home.path)}",
        soft_wrap=True,
    )
    return 0 if good else 1


async def _members(home: Home, network: Running, stack: AsyncExitStack, line: Steps) -> list[Reader]:
    """Sample members of earlier runs, and new ones by the public path, at their phones."""
    directory = home.path / "sample"
    samples = remembered(directory)
    known = {sample.user_id for sample in samples}
    for person in PEOPLE[len(samples) :]:
        sample = await network.let_in(person)
        sample.save(directory)
        samples.append(sample)
        line.say(f"{sample.localpart} joined by their link ({person.country}, page in {person.language})")
    phones = [stack.enter_async_context(reading(each, network.homeserver_url, directory)) for each in samples]
    readers = list(await asyncio.gather(*phones))
    new = [reader for reader in readers if reader.sample.user_id not in known]
    await asyncio.gather(*(network.settled(reader) for reader in new))
    countries = {reader.sample.country for reader in readers}
    line.say(f"{len(readers)} members of {len(countries)} countries are in their rooms, welcomed by the desk")
    return readers


async def _who_read(
    told: Told, readers: Sequence[Reader], line: Steps, *, rooms: int, encrypted: int
) -> Report:
    addressed = [reader for reader in readers if reader.sample.country in AREAS]
    outside = [reader for reader in readers if reader.sample.country not in AREAS]
    times = await asyncio.gather(*(read_by(reader, told.marker) for reader in addressed))
    first_in_room: dict[str, float] = {}
    for reader, read in zip(addressed, times, strict=True):
        if read is None:
            line.say(f"[red]{reader.sample.localpart} could not read it[/red]")
            continue
        milliseconds = (read - told.posted) * 1000
        line.say(f"{reader.sample.localpart} ({reader.sample.country}) read it after {milliseconds:.0f} ms")
        room_id, _ = reader.read[reader.alert(told.marker)]
        first_in_room[room_id] = min(milliseconds, first_in_room.get(room_id, milliseconds))
    others = await outside_decrypted(told, addressed, outside)
    line.say(f"{len(outside)} members elsewhere were given the encrypted event: {others} could read it")
    return Report(
        rooms=rooms + len(readers),
        encrypted_rooms=encrypted + len(readers),
        members=len(readers),
        countries=len({reader.sample.country for reader in readers}),
        addressed=len(addressed),
        decrypted=sum(read is not None for read in times),
        outside_area_decrypted=others,
        alert_accepted_ms=round(told.accepted_ms, 1),
        alert_first_room_ms=round(min(first_in_room.values(), default=-1), 1),
        alert_last_room_ms=round(max(first_in_room.values(), default=-1), 1),
    )


def _short(path: Path) -> Any:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
