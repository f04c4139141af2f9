"""A real Synapse, started from our own configuration, with our accounts in it and the gate closed.

`homeserver` is one for the whole run: tests share it and make their own members and rooms. A test that stops,
breaks or floods the server starts its own with `started_homeserver`.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.live.homeserver import LiveHomeserver, started_homeserver


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _homeserver_process(tmp_path_factory) -> AsyncIterator[LiveHomeserver]:
    async with started_homeserver(tmp_path_factory.mktemp("homeserver")) as homeserver:
        yield homeserver


@pytest_asyncio.fixture
async def homeserver(_homeserver_process) -> AsyncIterator[LiveHomeserver]:
    """The shared homeserver, with HTTP clients of the test's own event loop."""
    async with _homeserver_process.clients():
        yield _homeserver_process
