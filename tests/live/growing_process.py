"""A process that grows a network and kills itself in the middle of it, after so many steps.

`python -m tests.live.growing_process URL SERVER_NAME SECRETS_DIR NETWORK BOOKS_FILE STEPS`. Other steps are
under way then; whoever killed it from outside would come late on a busy machine.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from banyan.domain.people import Accounts
from banyan.domain.rooms import Room, RoomKey, RoomKind
from homeserver.acting import OwnAccounts
from homeserver.desired import desired
from homeserver.gatefile import GateFile
from homeserver.growing import Grower
from tests.homeserver.networks import mark, mekong, small

NETWORKS = {"mekong": mekong, "small": small}


class FileBooks:
    """Books in a file, one line for every record, so that nothing is lost when the process is."""

    def __init__(self, file: Path) -> None:
        self.file = file

    async def __call__(self) -> list[Room]:
        rows = {}
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            row = json.loads(line)
            rows[row["key"]] = Room(**row | {"key": RoomKey(row["key"]), "kind": RoomKind(row["kind"])})
        return list(rows.values())

    async def record(self, recorded) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps(asdict(recorded.room)) + "\n")


class Doomed:
    """Ends the process after so many steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def started(self, total: int) -> None:
        """It may have less to do than it has to live."""

    def step(self, done: int, label: str) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, server_name: str, secrets: str, network: str, file: str, steps: str) -> None:
    accounts = Accounts(server_name)
    rooms = desired(NETWORKS[network](), accounts, mark)
    books = FileBooks(Path(file))
    async with OwnAccounts(url, accounts, Path(secrets), GateFile(Path(secrets).parent / "gate.db")) as own:
        await Grower(own, accounts, rooms, books, books.record, Doomed(int(steps))).grow()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
