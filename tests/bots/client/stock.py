"""nio's own client, as it comes: what the faults are shown on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nio

from tests.bots.client.fake_homeserver import FakeHomeserver


@asynccontextmanager
async def stock_client(fake: FakeHomeserver, user_id: str, directory: Path) -> AsyncIterator[nio.AsyncClient]:
    """A logged-in nio client with its keys uploaded."""
    directory.mkdir()  # noqa: ASYNC240  a moment in a test
    config = nio.AsyncClientConfig(encryption_enabled=True, pickle_key="for tests", max_timeouts=1)
    client = nio.AsyncClient(fake.url, user_id, device_id="STOCK", store_path=str(directory), config=config)
    client.restore_login(user_id, "STOCK", fake.log_in(user_id, "STOCK"))
    try:
        response = await client.keys_upload()
        assert isinstance(response, nio.KeysUploadResponse)
        yield client
    finally:
        await client.close()
