"""The warden on a real homeserver: somebody who holds its service gives it a device, or another identity."""

import pytest

from banyan.matrix import Api
from bots.client import publish_identity
from homeserver import names
from homeserver.watch import Intrusion, Watch

pytestmark = pytest.mark.live


@pytest.fixture
async def watch(homeserver):
    user_id = f"@{names.WARDEN}:{homeserver.server_name}"
    async with Api(homeserver.url, homeserver.as_token("warden"), as_user=user_id) as api:
        seeds = await publish_identity(api, user_id, homeserver.secrets / "warden.seeds")
    await homeserver.grow_room()  # in no room, the warden is not told even its own keys
    return Watch(homeserver.registrar, homeserver.warden, user_id, seeds.identity)


async def test_a_device_and_another_identity_are_seen(homeserver, watch, tmp_path):
    """Nothing is found at first; a device that the service adds is; a replaced identity is."""
    assert await watch.look() == frozenset()
    await homeserver.warden.request("PUT", "/devices/THIEF", body={"display_name": "x"})
    assert await watch.look() == {Intrusion.DEVICE}
    user_id = f"@{names.WARDEN}:{homeserver.server_name}"
    async with Api(homeserver.url, homeserver.as_token("warden"), as_user=user_id) as thief:
        await publish_identity(thief, user_id, tmp_path / "thief.seeds", replace=True)
    assert await watch.look() == {Intrusion.DEVICE, Intrusion.IDENTITY}
    await homeserver.registrar.delete_devices(user_id)
    assert await watch.look() == {Intrusion.IDENTITY}


async def test_whoever_asked_too_early_is_told_later(homeserver):
    """Keys asked for before two people share a room are not hidden from them afterwards."""
    first, second = await homeserver.member("early-bird"), await homeserver.member("late-riser")
    query = {"device_keys": {first.user_id: [], second.user_id: []}}
    before = await first.matrix.request("POST", "/keys/query", body=query)
    assert before["device_keys"] == {}
    room_id = await homeserver.grow_room()
    for each in (first, second):
        homeserver.gate.allow(each.user_id, [room_id])
        await homeserver.admit(each.user_id)
    after = await first.matrix.request("POST", "/keys/query", body=query)
    assert after["device_keys"].keys() == query["device_keys"].keys()
