"""The network of the demo: `banyan up` as its operator runs it, in a process of its own."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from banyan.bootstrap.home import Parts, open_home
from banyan.bootstrap.waiting import carried_out
from banyan.demo.sample import Person, Reader, Sample, join
from banyan.domain.rooms import RoomKind
from banyan.errors import BanyanError
from banyan.services.members import invitation_subject
from banyan.settings import Home

START_SECONDS = 180
STOP_SECONDS = 30
SETTLE_SECONDS = 60
HTTP_OK = 200


class DidNotStart(BanyanError):
    """`banyan up` ended, or was not well in time."""

    code = "did-not-start"


@dataclass(frozen=True)
class Grown:
    """What stands."""

    spaces: int
    encrypted: int


class Running:
    """A network that is up. `parts` is its home, opened beside it as a command of the operator opens it."""

    def __init__(self, parts: Parts, http: aiohttp.ClientSession, run: dict[str, Any]) -> None:
        self.parts = parts
        self.http = http
        self.homeserver_url: str = run["homeserver_url"]
        self.web_url: str = run["web_url"]

    @classmethod
    @asynccontextmanager
    async def up(cls, home: Home, http: aiohttp.ClientSession) -> AsyncIterator[Self]:
        """Start the network, and stop it at the end as Ctrl-C does."""
        home.path.mkdir(parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "banyan", "up", "--home", str(home.path)),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
        try:
            run = await _well(home, http, process)
            async with open_home(home) as parts:
                yield cls(parts, http, run)
        finally:
            await _stop(process)

    async def let_in(self, person: Person) -> Sample:
        """Invite somebody, and let them join by their link."""
        invited = await self.parts.members.invite(
            person.country, person.themes, person.roles, language=person.language
        )
        await carried_out(self.parts, invitation_subject(invited.token))
        return await join(self.http, f"{self.web_url}/join/{invited.token}", invited.user_id, person)

    async def settled(self, reader: Reader) -> None:
        """Wait until a member is in their rooms and has been welcomed by the desk."""
        desk = self.parts.accounts.desk
        try:
            await reader.until(lambda: reader.heard_from(desk), SETTLE_SECONDS)
        except TimeoutError:
            raise DidNotStart(
                f"{reader.sample.localpart} was not welcomed within {SETTLE_SECONDS} s."
            ) from None

    async def grown(self) -> Grown:
        """Count what the homeserver was made to hold."""
        async with self.parts.work.reading() as tx:
            kinds = [room.kind for room in await tx.rooms.all()]
        spaces = kinds.count(RoomKind.SPACE)
        return Grown(spaces, len(kinds) - spaces)


async def _well(
    home: Home, http: aiohttp.ClientSession, process: asyncio.subprocess.Process
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                run = await _answer(home, http)
                if run is not None:
                    return run
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DidNotStart(f"The network was not well within {START_SECONDS} s.") from None
    raise DidNotStart("`banyan up` ended; what it said stands above.")


async def _answer(home: Home, http: aiohttp.ClientSession) -> dict[str, Any] | None:
    try:
        run: dict[str, Any] = json.loads(home.run_file.read_text())
        async with http.get(f"{run['web_url']}/health") as answer:
            return run if answer.status == HTTP_OK else None
    except (OSError, ValueError, aiohttp.ClientError):
        return None


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
