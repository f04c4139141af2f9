"""Where our own log goes."""

import pytest
import structlog

from banyan.logs import log_to_stderr
from banyan.matrix import Api, NotReached


@pytest.fixture(autouse=True)
def as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


async def test_a_command_alone_has_standard_output(capsys):
    """A request that is tried again while a command runs must not spoil its JSON."""
    log_to_stderr()
    async with Api("http://127.0.0.1:9", None, patience=0.01) as api:
        with pytest.raises(NotReached):
            await api.request("GET", "/account/whoami")
    printed = capsys.readouterr()
    assert (printed.out, "retry_scheduled" in printed.err) == ("", True)
