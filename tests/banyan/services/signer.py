"""Decides and signs until it is killed: `signer.py URL HOME`. A line for each checkpoint."""

import asyncio
import sys
from pathlib import Path

from banyan.clock import SystemClock
from banyan.domain.log import Action, NewEntry
from banyan.notary import FileNotary
from banyan.services.checkpoints import Checkpoints
from banyan.services.ids import RandomIds
from banyan.settings import Home
from banyan.store import SqlWork, open_store


async def main(url: str, home: str) -> None:
    clock = SystemClock()
    work = SqlWork(open_store(url), clock, RandomIds())
    checkpoints = Checkpoints(work, clock, FileNotary(Home(Path(home)), "banyan.test"))
    while True:
        async with work() as tx:
            await tx.log.append(NewEntry(Action.MEMBER_FROZEN, "operator", "thing"))
        signed = await checkpoints.tend()
        print(signed.size, flush=True)  # noqa: T201


asyncio.run(main(*sys.argv[1:]))
