import pytest
from aiohttp.test_utils import TestClient

from banyan.store import SqlWork
from tests.banyan.stores import grown
from tests.banyan.web.members import FakeMembers, served
from tests.console_samples import filled
from tests.fakes import NOON, FakeClock, FakeIds


@pytest.fixture(scope="session")
def small_database(empty_database, tmp_path_factory, network):
    """A small network that the console has something to show of."""

    async def fill(engine):
        await filled(SqlWork(engine, FakeClock(), FakeIds("filled-")), network, NOON, each=3, days=2)

    return grown(empty_database, tmp_path_factory.mktemp("small"), fill)


@pytest.fixture
def members():
    return FakeMembers()


@pytest.fixture
async def browser(members):
    """A client of the served pages that follows no redirect and keeps no cookie."""
    async with served(members) as server, TestClient(server) as client:
        yield client
