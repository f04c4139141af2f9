"""A fake homeserver for each test, and parties on it."""

from collections.abc import AsyncIterator
from pathlib import Path

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
