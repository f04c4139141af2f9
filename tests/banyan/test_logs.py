"""Where our own log goes."""

import asyncio
from contextlib import suppress

import pytest
import structlog

from banyan.logs import log_to_stderr
from banyan.matrix import Api
from tests.waiting import until


@pytest.fixture(autouse=True)
def as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


async def test_a_command_alone_has_standard_output(capsys):
    """A request that is tried again while a command runs must not spoil its JSON."""
    log_to_stderr()
    printed = []

    def tried_again():
        printed.append(capsys.readouterr())
        return any("retry_scheduled" in each.err for each in printed)

    async with Api("http://127.0.0.1:9", None) as api:
        asking = asyncio.create_task(api.request("GET", "/account/whoami"))
        await until(tried_again)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    assert "".join(each.out for each in printed) == ""
