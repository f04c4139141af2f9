"""The cast of an evening: five people of one network, each with a phone in a language of their own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from policies.rooms import declared_rooms
from tests.client.element import Node
from tests.client.network import PASSPHRASE, Network
from tests.client.person import DECLARED, Person
from tests.waiting import until

NAMES = {room.name: room.key for room in declared_rooms(DECLARED)}

THEME = "climate"
OWN_ROOMS = 6
"""Space, conversation, guide and alert room of the place, a theme, and the chat with the desk."""

UNDER_WAY = "SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts > 0"

STAFF_ROOMS = {None: 0, "focal_point": 2, "security_officer": 3}
"""What a role adds: its staff rooms, and the space of the staff."""


@dataclass(frozen=True)
class Part:
    """Somebody to be played."""

    who: str
    country: str
    language: str
    role: str | None = None


CAST = {
    "alumna": Part("A Burmese alumna", "MM", "my"),
    "focal": Part("A Lao focal point", "LA", "lo", "focal_point"),
    "seized": Part("A Vietnamese member", "VN", "vi"),
    "officer": Part("A security officer in Cambodia", "KH", "en", "security_officer"),
    "second": Part("A security officer in Thailand", "TH", "th", "security_officer"),
}


@dataclass(frozen=True)
class Evening:
    """The network, and everybody at their phone."""

    network: Network
    node: Node
    people: Mapping[str, Person]
    began: datetime

    @property
    def alumna(self) -> Person:
        """A Burmese alumna, in one of two cells."""
        return self.people["alumna"]

    @property
    def focal(self) -> Person:
        """A Lao focal point."""
        return self.people["focal"]

    @property
    def seized(self) -> Person:
        """A Vietnamese member, whose phone will be taken."""
        return self.people["seized"]

    @property
    def officer(self) -> Person:
        """A security officer who writes English."""
        return self.people["officer"]

    @property
    def second(self) -> Person:
        """A security officer who writes Thai."""
        return self.people["second"]

    async def back(self) -> None:
        """Start everything again; everybody opens their app."""
        await self.network.start()
        await asyncio.gather(*(person.element.wake() for person in self.people.values()))

    def change(self, statement: str, *values: Any) -> int:
        """Change our books while nobody runs, to let time pass; how many rows."""
        with closing(sqlite3.connect(self.network.home / "banyan.db")) as books, books:
            return books.execute(statement, values).rowcount

    def count(self, query: str, *values: Any) -> int:
        """Look into our books."""
        with closing(sqlite3.connect(f"file:{self.network.home / 'banyan.db'}?mode=ro", uri=True)) as books:
            return int(books.execute(query, values).fetchone()[0])


def moment(at: datetime) -> str:
    """A moment as the books hold it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@asynccontextmanager
async def evening_at(home: Path) -> AsyncIterator[Evening]:
    """Bring the network up, let everybody in by their link, give the roles, log in."""
    async with aiohttp.ClientSession() as http, Node.running() as node:
        network = Network(home, http)
        try:
            await network.start()
            began = datetime.now(UTC)
            people = await asyncio.gather(*(_arrive(network, node, part) for part in CAST.values()))
            evening = Evening(network, node, dict(zip(CAST, people, strict=True)), began)
            # what was encrypted before a phone was known can still be on its way
            await until(lambda: evening.count(UNDER_WAY) == 0)
            for person in people:
                person.here_since = datetime.now(UTC)
            yield evening
        finally:
            await network.stop()


async def _arrive(network: Network, node: Node, part: Part) -> Person:
    invited = await network.invite(part.country, THEME)
    await network.join(invited, part.language)
    if part.role:
        await network.grant(invited.user_id, part.role)
    phone = await node.login(network.run.homeserver_url, invited.user_id, PASSPHRASE, strict=True)
    await phone.wait_rooms(OWN_ROOMS + STAFF_ROOMS[part.role])
    await network.reaches(phone)
    person = Person(part.who, part.language, phone, network, NAMES)
    await person.look()
    return person
