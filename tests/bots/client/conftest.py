"""A fake homeserver for each test, and parties on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import stamina

from tests.bots.client.fake_homeserver import SERVER_NAME, FakeHomeserver, fake_homeserver
from tests.bots.client.parties import Stage


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeHomeserver]:
    async with fake_homeserver() as running:
        with stamina.set_testing(True, attempts=100, cap=True):  # retries without pauses
            yield running


@pytest_asyncio.fixture
async def stage(fake: FakeHomeserver, tmp_path: Path) -> Stage:
    return Stage(fake.url, SERVER_NAME, fake.log_in("@bots:fake.test", "AS"), tmp_path)


@pytest.fixture
def now():
    """The clock of everybody here: seconds since 1970."""
    return [4_000_000_000.0]


@pytest.fixture
def party(stage, now):
    return lambda name, **options: stage.party(name, clock=lambda: now[0], **options)
