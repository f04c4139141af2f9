from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from banyan.store.work import SqlWork
from tests.banyan.stores import new_database, opened, sqlite_url
from tests.fakes import FakeClock, FakeIds


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return request.getfixturevalue("postgres").url()


@pytest.fixture
async def engine(url) -> AsyncIterator[AsyncEngine]:
    """The same tests hold on both databases."""
    where = url if not isinstance(url, str) else await new_database(url)
    async with opened(where) as engine:
        yield engine


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def woken():
    return []


@pytest.fixture
def work(engine, clock, woken):
    return SqlWork(engine, clock, FakeIds(), woken.append)
