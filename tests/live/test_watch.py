"""Our own accounts on a real homeserver: somebody gives one a device, or another identity."""

from functools import partial

import pytest

from banyan.matrix import Api
from bots.client import publish_identity
from homeserver import names
from homeserver.matrix import Matrix
from homeserver.watch import Intrusion, Watch, Watched

pytestmark = pytest.mark.live


@pytest.fixture
async def keys(homeserver):
    """The warden and the desk have identities, and a room in which the warden is told of both."""
    seeds = {}
    for name, service in ((names.WARDEN, "warden"), (names.DESK, "speakers")):
        user_id = homeserver.user_id(name)
        async with Api(homeserver.url, homeserver.as_token(service), as_user=user_id) as api:
            seeds[name] = await publish_identity(api, user_id, homeserver.secrets / f"{name}.seeds")
    room_id = await homeserver.grow_room()
    homeserver.gate.allow(homeserver.user_id(names.DESK), [room_id])
    await homeserver.warden.invite(room_id, homeserver.user_id(names.DESK))
    await (await homeserver.acting(names.DESK)).join(room_id)
    return {name: each.identity for name, each in seeds.items()}


@pytest.fixture
async def watch(homeserver, keys):
    devices = {}
    for name in (names.KEEPER, names.REGISTRAR):
        async with Matrix(homeserver.url, homeserver.secret(f"{name}.token")) as account:
            devices[name] = (await account.whoami())["device_id"]
    accounts = [Watched(n, homeserver.user_id(n), devices.get(n), keys.get(n)) for n in names.OWN]
    return partial(Watch(homeserver.registrar, homeserver.warden).look, accounts)


async def add_device(homeserver, name):
    """As an admin does."""
    path = "/_synapse/admin/v2/users/{}/devices"
    body = {"device_id": "THIEF"}
    await homeserver.registrar.request("POST", path, homeserver.user_id(name), body=body)


@pytest.mark.parametrize("name", names.OWN)
async def test_a_device_that_somebody_adds_is_seen(homeserver, watch, name):
    """Beside the one that the account has by right, if it has any; gone again when it is gone."""
    assert await watch() == frozenset()
    await add_device(homeserver, name)
    reason = Intrusion.WARDEN_DEVICE if name == names.WARDEN else Intrusion.DEVICE
    assert await watch() == {(reason, name)}
    await homeserver.registrar.delete_devices(homeserver.user_id(name), ["THIEF"])
    assert await watch() == frozenset()


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


async def test_another_identity_is_seen(homeserver, watch, keys, tmp_path):
    """The warden's and the desk's, each by its own name. The last test: nothing brings the first one back."""
    stolen = [
        (names.WARDEN, "warden", Intrusion.WARDEN_IDENTITY),
        (names.DESK, "speakers", Intrusion.IDENTITY),
    ]
    for name, service, _ in stolen:
        user_id = homeserver.user_id(name)
        async with Api(homeserver.url, homeserver.as_token(service), as_user=user_id) as thief:
            await publish_identity(thief, user_id, tmp_path / f"{name}.seeds", replace=True)
    assert await watch() == {(reason, name) for name, _, reason in stolen}
