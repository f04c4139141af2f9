"""Our side: the client, its roster from a real database, and the outbox."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from banyan.clock import SystemClock
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.network import load_network
from banyan.services.outbox import Wakes
from banyan.services.roster import Roster
from banyan.settings import DEFAULT_NETWORK
from banyan.store.open import open_store
from banyan.store.upgrade import upgrade
from banyan.store.work import SqlWork
from benchmarks.parts import Place, Stage
from bots.client import Client, Credentials, KeyPolicy, provision
from bots.keys import KeyRoster

PICKLE_KEY = "benchmark"
PATIENCE = 120.0


class Ids:
    """`ports.Ids` of which only opaque ones are needed here."""

    def opaque(self) -> str:
        """32 hex digits."""
        return secrets.token_hex(16)

    token = pseudonym = opaque


@dataclass(frozen=True)
class Books:
    """Our own database, in which the people of a stage are members in their places."""

    engine: AsyncEngine
    work: SqlWork
    wakes: Wakes
    roster: Roster


@asynccontextmanager
async def books(file: Path, server_name: str, places: Iterable[Place]) -> AsyncIterator[Books]:
    """Open a new database and write everybody down. Every room is that of a theme."""
    engine = open_store(f"sqlite+aiosqlite:///{file}")
    try:
        await upgrade(engine)
        wakes = Wakes()
        work = SqlWork(engine, SystemClock(), Ids(), wakes)
        rooms = list(places)
        await _write_down(work, server_name, rooms)
        network = load_network(DEFAULT_NETWORK)
        any_theme = next(iter(network.themes.values()))
        themes = dict.fromkeys(map(str, range(len(rooms))), any_theme)
        roster = Roster(work, Accounts(server_name), network.model_copy(update={"themes": themes}))
        yield Books(engine, work, wakes, roster)
    finally:
        await engine.dispose()


async def _write_down(work: SqlWork, server_name: str, places: list[Place]) -> None:
    keys: dict[str, set[str]] = {}
    async with work() as tx:
        for number, place in enumerate(places):
            key = room_key(RoomKind.THEME, f"{number}")
            await tx.rooms.put(Room(key, place.room_id, RoomKind.THEME, "regional", "en"))
            for person in place.people:
                keys.setdefault(person.user_id, set()).add(f"{number}")
        for number, (user_id, themes) in enumerate(sorted(keys.items())):
            localpart = Accounts(server_name).localpart(user_id)
            placement = Placement("KH", themes=frozenset(themes))
            assert localpart is not None
            await tx.members.add(Member(f"{number}", localpart, placement, "en", MemberStatus.ADMITTED))


@dataclass(frozen=True)
class Device:
    """A provisioned device of one of our accounts, closed or open."""

    stage: Stage
    store: Path
    credentials: Credentials

    async def open(self, roster: Roster, *, keep_warm: bool = True) -> Client:
        """Open its store, as after a restart."""
        return await Client.open(
            homeserver_url=self.stage.synapse.url,
            credentials=self.credentials,
            store=self.store,
            pickle_key=PICKLE_KEY,
            roster=KeyRoster(roster, KeyPolicy.EVERY_DEVICE),
            keep_warm=keep_warm,
        )


class Everybody:
    """The roster of a person's own client: whoever is in the room gets the keys."""

    def __init__(self) -> None:
        self.client: Client | None = None

    async def allowed(self, room_id: str) -> frozenset[str]:
        """Who is in the room."""
        return self.client.rooms[room_id].joined if self.client else frozenset()

    def policy(self, _room_id: str) -> KeyPolicy:
        """All devices."""
        return KeyPolicy.EVERY_DEVICE


_numbers = itertools.count()


async def new_device(stage: Stage, localpart: str, places: Iterable[Place]) -> Device:
    """A new, cross-signed device of an account, which is let into the places."""
    directory = stage.directory / localpart
    store = directory / f"device-{next(_numbers)}.db"
    credentials = await provision(
        homeserver_url=stage.synapse.url,
        as_token=stage.synapse.as_token,
        localpart=localpart,
        server_name=stage.synapse.server_name,
        secrets=directory,
        store=store,
        pickle_key=PICKLE_KEY,
    )
    for place in places:
        await stage.join(credentials.user_id, place.room_id)
    return Device(stage, store, credentials)


@asynccontextmanager
async def listening(client: Client) -> AsyncIterator[Client]:
    """Let it receive until the block ends; it is warm when the block begins."""
    running = asyncio.create_task(client.run())
    try:
        await client.ready(PATIENCE)
        yield client
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that the sync brings. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for is another's state, which tells nobody
            await asyncio.sleep(0.01)


def message(number: int) -> Mapping[str, Any]:
    """An alert of usual length: two languages."""
    text = f"Alert {number}. " + "Stay indoors, keep your phone charged and wait for word. " * 16
    return {"msgtype": "m.text", "body": text, "m.mentions": {"room": True}}
