import pytest
from aiohttp.test_utils import TestClient

from tests.banyan.web.members import FakeMembers, served


@pytest.fixture
def members():
    return FakeMembers()


@pytest.fixture
async def browser(members):
    """A client of the served pages that follows no redirect and keeps no cookie."""
    async with served(members) as server, TestClient(server) as client:
        yield client
