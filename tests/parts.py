"""Fixtures: the services over a real store, for every test that needs them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from banyan.domain.people import Accounts
from banyan.domain.rooms import RoomKind, room_key
from banyan.network import load_network
from banyan.services.access import Access
from banyan.services.hearing import Ears
from banyan.services.members import Members
from banyan.services.outbox import Wakes
from banyan.services.reconciling import Reconciling
from banyan.services.roles import Roles
from banyan.settings import DEFAULT_NETWORK
from banyan.store import SqlWork, tables
from homeserver.desired import desired
from homeserver.locators import locator_of
from homeserver.warden import asks_for
from policies.rooms import AREA_KINDS
from tests.banyan.stores import SharedEngine, opened, sqlite_url
from tests.fakes import FakeClock, FakeIds, FakeRegistration, FakeVault, room_id


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ids():
    return FakeIds()


@pytest.fixture
def wakes():
    return Wakes()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """Migrated once; every test works on a copy."""
    directory = tmp_path_factory.mktemp("template")

    async def build():
        async with opened(sqlite_url(directory)):
            pass

    asyncio.run(build())
    return directory / "banyan.db"


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory) -> SharedEngine:
    return SharedEngine(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def beginning(empty_database) -> Path:
    """The database that tests get copies of: a module may have one of its own, see `grown`."""
    return empty_database


@pytest.fixture
async def work(shared_engine, beginning, tmp_path, clock, ids, wakes) -> AsyncIterator[SqlWork]:
    """The real store: what services write is written for good."""
    async with shared_engine.copy(beginning, tmp_path) as engine:
        yield SqlWork(engine, clock, ids, wakes)


@pytest.fixture(scope="session")
def network():
    """The example network: six countries, two of them in cells."""
    return load_network(DEFAULT_NETWORK)


@pytest.fixture
def accounts():
    return Accounts("banyan.test")


@pytest.fixture
def registration():
    return FakeRegistration()


@pytest.fixture
def members(work, clock, ids, network, accounts, registration):
    return Members(work, clock, ids, network=network, accounts=accounts, registration=registration)


@pytest.fixture
def roles(network, accounts):
    return Roles(network, accounts)


@pytest.fixture
def reconciling(work, clock, network, accounts):
    rooms = desired(network, accounts, locator_of(FakeVault()))
    says = asks_for({room.key: room for room in rooms})
    return Reconciling(work, clock, network, accounts, says)


@pytest.fixture
def ears(work, clock, members, reconciling):
    return Ears(work, clock, members, reconciling)


@pytest.fixture
def access(work, clock, network, accounts):
    return Access(work, clock, network, accounts)


@pytest.fixture
async def rooms(work, network):
    """Every declared room exists; its id is made of its key."""
    keys = {(room_key(kind, area.key), kind, area.key) for area in network.areas for kind in AREA_KINDS}
    keys |= {(room_key(RoomKind.THEME, theme), RoomKind.THEME, "regional") for theme in network.themes}
    keys |= {(room_key(RoomKind.STAFF, staff), RoomKind.STAFF, "regional") for staff in network.staff}
    languages = {area.key: area.language for area in network.areas}
    rows = [
        {
            "key": key,
            "room_id": room_id(key),
            "kind": kind,
            "area": area,
            "language": languages.get(area, "en"),
            "frozen": False,
        }
        for key, kind, area in keys
    ]
    async with work() as tx:
        await tx.rooms._connection.execute(tables.rooms.insert(), rows)


@pytest.fixture
def effects(work):
    """What waits for an actor: `[(kind, payload), …]` in order, those of one lane when asked."""

    async def of(actor, lane=None):
        wanted = [tables.outbox.c.actor == actor.value]
        if lane is not None:
            wanted.append(tables.outbox.c.lane == lane)
        async with work.reading() as tx:
            rows = await tx.outbox._some(*wanted)
        return [(row.kind, row.payload) for row in rows]

    return of


@pytest.fixture
def decisions(work):
    """The log: `[(action, actor, details), …]`."""

    async def read():
        async with work.reading() as tx:
            bodies = [json.loads(entry.body) for entry in await tx.log.all()]
        return [(body["action"], body["actor"], body["details"]) for body in bodies]

    return read
