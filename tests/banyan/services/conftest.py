from collections.abc import AsyncIterator

import pytest

from banyan.services.outbox import Wakes
from banyan.store.work import SqlWork
from tests.banyan.stores import opened, sqlite_url
from tests.fakes import FakeClock, FakeIds


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
