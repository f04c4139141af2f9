"""Devices of ours whose store was lost."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bots.client.credentials import Credentials
from bots.client.retired import STAYS, end_due, retire, retired

NOW = 1_800_000_000.0
LATER = NOW + STAYS.total_seconds()


@pytest.fixture
def files(tmp_path):
    credentials = tmp_path / "alarm.credentials.json"
    Credentials("@alarm:x", "OLD", "old-token").save(credentials)
    return tmp_path / "alarm.retired.json", credentials


@pytest.fixture
async def homeserver():
    """Says to whom it said good-bye; knows no token called `unknown`."""
    ended: list[str] = []

    async def logout(request):
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token == "unknown":
            return web.json_response({"errcode": "M_UNKNOWN_TOKEN"}, status=401)
        ended.append(token)
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.post("/_matrix/client/v3/logout", logout)])
    async with TestServer(app) as server:
        yield str(server.make_url("")), ended


def test_a_device_whose_store_was_lost_is_remembered_once(files):
    """The device in use is not; a start that was killed notes nothing twice."""
    path, credentials = files
    retire(path, credentials, "OLD", NOW)
    assert retired(path) == ()
    retire(path, credentials, "NEW", NOW)
    retire(path, credentials, "NEW", NOW + 5)
    assert [(each.device_id, each.since) for each in retired(path)] == [("OLD", NOW)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert "old-token" not in repr(retired(path))


async def test_it_is_logged_out_after_a_week_and_not_before(files, homeserver):
    """Until then it vouches for what it sent."""
    path, credentials = files
    url, ended = homeserver
    retire(path, credentials, "NEW", NOW)
    await end_due(path, url, LATER - 1)
    assert (ended, len(retired(path))) == ([], 1)
    await end_due(path, url, LATER)
    assert (ended, retired(path)) == (["old-token"], ())


async def test_one_that_is_gone_already_is_forgotten(files, homeserver):
    """Somebody has ended it: that is all we wanted."""
    path, credentials = files
    Credentials("@alarm:x", "OLD", "unknown").save(credentials)
    retire(path, credentials, "NEW", NOW)
    await end_due(path, homeserver[0], LATER)
    assert retired(path) == ()
