import json
from collections.abc import AsyncIterator

import pytest

from banyan.domain.people import Accounts
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.network import load_network
from banyan.services.access import Access
from banyan.services.members import Members
from banyan.services.outbox import Wakes
from banyan.settings import DEFAULT_NETWORK
from banyan.store import SqlWork
from banyan.store.tables import outbox
from policies.rooms import AREA_KINDS
from tests.banyan.stores import opened, sqlite_url
from tests.fakes import FakeClock, FakeIds, FakeRegistration, room_id


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ids():
    return FakeIds()


@pytest.fixture
def wakes():
    return Wakes()


@pytest.fixture
async def work(tmp_path, clock, ids, wakes) -> AsyncIterator[SqlWork]:
    """The real store: what services write is written for good."""
    async with opened(sqlite_url(tmp_path)) as engine:
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
def access(work, clock, network, accounts):
    return Access(work, clock, network, accounts)


@pytest.fixture
async def rooms(work, network):
    """Every declared room exists; its id is made of its key."""
    keys = {(room_key(kind, area.key), kind, area.key) for area in network.areas for kind in AREA_KINDS}
    keys |= {(room_key(RoomKind.THEME, theme), RoomKind.THEME, "regional") for theme in network.themes}
    keys |= {(room_key(RoomKind.STAFF, staff), RoomKind.STAFF, "regional") for staff in network.staff}
    async with work() as tx:
        for key, kind, area in keys:
            language = "en" if area == "regional" else network.area(area).language
            await tx.rooms.put(Room(key, room_id(key), kind, area, language))


@pytest.fixture
def effects(work):
    """What waits for an actor: `[(kind, payload), …]` in order, those of one lane when asked."""

    async def of(actor, lane=None):
        async with work.reading() as tx:
            rows = await tx.outbox._some(outbox.c.actor == actor.value)
        return [(row.kind, row.payload) for row in rows if lane is None or row.lane == lane]

    return of


@pytest.fixture
def decisions(work):
    """The log: `[(action, actor, details), …]`."""

    async def read():
        async with work.reading() as tx:
            bodies = [json.loads(entry.body) for entry in await tx.log.all()]
        return [(body["action"], body["actor"], body["details"]) for body in bodies]

    return read
