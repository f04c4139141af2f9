"""A process that grows the example network and may be killed at any time.

`python -m tests.live.growing_process URL SERVER_NAME SECRETS_DIR BOOKS_FILE`; prints a line for every step.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from banyan.domain.people import Accounts
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.network import load_network
from banyan.settings import DEFAULT_NETWORK
from homeserver.acting import OwnAccounts
from homeserver.desired import desired
from homeserver.gatefile import GateFile
from homeserver.growing import Grower
from tests.homeserver.networks import mark


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


class Telling:
    """Progress on standard output."""

    def started(self, total: int) -> None:
        self._tell(f"started {total}")

    def step(self, done: int, label: str) -> None:
        self._tell(f"step {done} {label}")

    def _tell(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


async def main(url: str, server_name: str, secrets: str, file: str) -> None:
    accounts = Accounts(server_name)
    rooms = desired(load_network(DEFAULT_NETWORK), accounts, mark)
    books = FileBooks(Path(file))
    async with OwnAccounts(url, accounts, Path(secrets), GateFile(Path(secrets).parent / "gate.db")) as own:
        await Grower(own, accounts, rooms, books, books.record, Telling()).grow()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
