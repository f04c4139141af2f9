"""Who a device belongs to: cross-signing, first sight, and what changes."""

import pytest

from banyan.matrix import Api
from bots.client import IdentityLost, KeyPolicy, LoginExpires, ReportKind, Seeds, SigningFailed, Trust
from bots.client.canonical import canonical_json, public_key, sign
from bots.client.provision import Files
from bots.client.signing import publish_identity
from bots.client.trust import read_devices, read_identity
from tests.bots.client.strangers import Stranger

OTHER = "@teak:fake.test"


def steal_identity(fake, user_id):
    """The homeserver publishes an identity of its own making and signs the user's devices with it."""
    thief = Seeds.new()
    fake.accounts[user_id].identity = thief.public_keys(user_id)
    for device_id, keys in fake.accounts[user_id].devices.items():
        resign(keys, thief, user_id, device_id)
    fake.touch(user_id)
    return thief


def resign(keys, seeds, user_id, device_id):
    bare = {name: part for name, part in keys.items() if name not in ("signatures", "unsigned")}
    own = keys["signatures"][user_id][f"ed25519:{device_id}"]
    keys["signatures"][user_id] = {
        f"ed25519:{device_id}": own,
        f"ed25519:{public_key(seeds.self_signing)}": sign(seeds.self_signing, bare),
    }


async def test_a_provisioned_device_is_owner_signed(stage, fake):
    """The published chain holds, computed from the homeserver's answer alone."""
    credentials = await stage.provision("b_lotus")
    async with Api(fake.url, credentials.access_token) as api:
        answer = await api.request("POST", "/keys/query", body={"device_keys": {credentials.user_id: []}})
    identity = read_identity(credentials.user_id, answer)
    (device,) = read_devices(credentials.user_id, answer, identity)
    assert device.owner_signed


BREAKS = {
    "device under another name": lambda device, identity: device.update(device_id="OTHER"),
    "device of another user": lambda device, identity: device.update(user_id=OTHER),
    "device with other keys": lambda device, identity: device["keys"].update(
        {name: "A" * 43 for name in device["keys"] if name.startswith("curve")}
    ),
    "device without its own signature": lambda device, identity: device["signatures"].clear(),
    "self-signing key of another": lambda device, identity: identity.update(
        self_signing_key=Seeds.new().public_keys("@b_lotus:fake.test")["self_signing_key"]
    ),
    "self-signing key unsigned": lambda device, identity: identity["self_signing_key"].pop("signatures"),
    "master key of another user": lambda device, identity: identity["master_key"].update(user_id=OTHER),
    "master key for another use": lambda device, identity: identity["master_key"].update(usage=["x"]),
    "identity of nonsense": lambda device, identity: identity.update(master_key=[1]),
    "no identity": lambda device, identity: identity.clear(),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_a_broken_chain_is_no_chain(stage, fake, how):
    """Whatever the homeserver changes in it, the device no longer counts as its owner's."""
    credentials = await stage.provision("b_lotus")
    account = fake.accounts[credentials.user_id]
    BREAKS[how](account.devices[credentials.device_id], account.identity)
    async with Api(fake.url, credentials.access_token) as api:
        answer = await api.request("POST", "/keys/query", body={"device_keys": {credentials.user_id: []}})
    identity = read_identity(credentials.user_id, answer)
    assert not any(device.owner_signed for device in read_devices(credentials.user_id, answer, identity))


@pytest.mark.parametrize("what", ["curve25519:S", "ed25519:S"])
async def test_a_device_that_does_not_sign_its_keys_is_none(fake, what):
    """Nobody is given another person's key as a device of theirs."""
    Stranger(fake, OTHER)
    keys = fake.accounts[OTHER].devices["S"]
    assert read_devices(OTHER, {"device_keys": {OTHER: {"S": keys}}}, None)
    keys["keys"][what] = Stranger(fake, "@reed:fake.test").curve25519
    assert not read_devices(OTHER, {"device_keys": {OTHER: {"S": keys}}}, None)


async def test_a_changed_identity_counts_for_nothing(stage, fake):
    """It is reported, gets no keys and its messages say so, until a person has accepted it."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await teak.say(room_id, "one")
        assert (await lotus.hears("one")).trust is Trust.OWNER_SIGNED
        steal_identity(fake, teak.user_id)
        report = await lotus.reported(ReportKind.IDENTITY_CHANGED)
        await teak.say(room_id, "two")
        assert (await lotus.hears("two")).trust is Trust.CHANGED
        await lotus.say(room_id, "not for a stranger")
        await teak.reported(ReportKind.UNDECRYPTABLE)
        lotus.client.devices.accept_identity(teak.user_id)
        await lotus.say(room_id, "welcome back")
        await teak.hears("welcome back")
    assert report.user_id == teak.user_id


async def test_the_first_identity_is_remembered_for_ever(stage, fake):
    """Through restarts, and after the last common room: coming back does not make a stranger a friend."""
    async with stage.party("b_teak") as teak:
        async with stage.party("b_lotus") as lotus:
            room_id = fake.room(lotus.user_id, teak.user_id)
            await teak.say(room_id, "one")
            since = (await lotus.hears("one")).known_since
            fake.membership(room_id, teak.user_id, "leave")
            await fake.caught_up(lotus.user_id)
        steal_identity(fake, teak.user_id)
        fake.membership(room_id, teak.user_id, "join")
        async with stage.party("b_lotus") as lotus:
            await teak.say(room_id, "two")
            heard = await lotus.hears("two")
    assert (heard.trust, heard.known_since) == (Trust.CHANGED, since)


async def test_a_thief_s_device_is_unsigned(stage, fake):
    """A device added with the account's password but without its seeds speaks, and is told apart."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        keys = fake.accounts[teak.user_id].devices[teak.client.device_id]
        fake.accounts[teak.user_id].devices[teak.client.device_id] = keys | {
            "signatures": {teak.user_id: dict(list(keys["signatures"][teak.user_id].items())[:1])}
        }
        room_id = fake.room(lotus.user_id, teak.user_id)
        await teak.say(room_id, "I approve")
        heard = await lotus.hears("I approve")
    assert (heard.trust, heard.known_since) == (Trust.UNSIGNED, None)


async def test_a_device_does_not_change_its_key(stage, fake):
    """The same device id with other keys, not vouched for by its owner: ignored and reported."""
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE) as lotus:
        Stranger(fake, OTHER)
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "x")
        impostor = Stranger(fake, OTHER)
        report = await lotus.reported(ReportKind.DEVICE_CHANGED)
        assert lotus.client.devices.find(OTHER, impostor.curve25519) is None
    assert (report.user_id, report.device_id) == (OTHER, "S")


async def test_a_new_curve_key_ends_the_old_sessions(stage, fake):
    """The device itself signs a new identity key: it gets a new session, the old ones are dropped."""
    async with stage.party("b_lotus", policy=KeyPolicy.EVERY_DEVICE) as lotus:
        first = Stranger(fake, OTHER)
        room_id = fake.room(lotus.user_id, OTHER)
        await lotus.say(room_id, "x")
        second = Stranger(fake, OTHER, "ELSEWHERE")
        del fake.accounts[OTHER].devices["ELSEWHERE"]
        keys = fake.accounts[OTHER].devices["S"]
        keys["keys"]["curve25519:S"] = second.curve25519
        keys.pop("signatures")
        fake.accounts[OTHER].devices["S"] = first.signed(keys)
        fake.touch(OTHER)
        await fake.caught_up(lotus.user_id)
        await lotus.heard_all()
        known = {row[0] for row in lotus.client._store.rows("SELECT curve25519 FROM olm_session")}
    assert first.curve25519 not in known
    assert second.curve25519 in known


async def test_the_same_store_is_the_same_device(stage, fake):
    """Provisioning again changes nothing: device, identity, keys and login stay."""
    first = await stage.provision("b_lotus")
    before = canonical_json(fake.accounts[first.user_id].devices)
    identity = canonical_json(fake.accounts[first.user_id].identity)
    assert await stage.provision("b_lotus") == first
    assert canonical_json(fake.accounts[first.user_id].devices) == before
    assert canonical_json(fake.accounts[first.user_id].identity) == identity
    assert fake.count("POST .*/login") == 1


async def test_a_lost_store_is_a_new_device_of_the_same_identity(stage, fake):
    """Never the old device id with new keys; the kept seeds vouch for the new one."""
    first = await stage.provision("b_lotus")
    identity = canonical_json(fake.accounts[first.user_id].identity)
    stage.store("b_lotus").unlink()
    second = await stage.provision("b_lotus")
    assert second.device_id != first.device_id
    assert canonical_json(fake.accounts[first.user_id].identity) == identity


async def test_lost_seeds_are_not_replaced_by_themselves(stage, fake):
    """A person has to decide: everybody who verified the old identity would be cut off."""
    credentials = await stage.provision("b_lotus")
    files = Files(stage.directory / "secrets", "b_lotus")
    files.seeds.unlink()
    with pytest.raises(IdentityLost):
        await stage.provision("b_lotus")
    async with Api(fake.url, credentials.access_token) as api:
        await publish_identity(api, credentials.user_id, files.seeds, replace=True)
    await stage.provision("b_lotus")


async def test_an_identity_that_somebody_replaced_is_replaced_by_ours(stage, fake):
    """One request with a stolen token must not silence a bot for ever; the first seeds are kept."""
    credentials = await stage.provision("b_lotus")
    files = Files(stage.directory / "secrets", "b_lotus")
    first = files.seeds.read_bytes()
    thief = steal_identity(fake, credentials.user_id)
    await stage.provision("b_lotus")
    now = Seeds.load(files.seeds)
    assert now.identity not in (thief.identity, Seeds.from_bytes(first).identity)
    assert canonical_json(fake.accounts[credentials.user_id].identity) == canonical_json(
        now.public_keys(credentials.user_id)
    )
    (kept,) = files.directory.glob("*.replaced-*")
    assert kept.read_bytes() == first
    async with stage.party("b_teak") as teak, stage.party("b_lotus") as lotus:
        room_id = fake.room(lotus.user_id, teak.user_id)
        await lotus.say(room_id, "still me")
        assert (await teak.hears("still me")).trust is Trust.OWNER_SIGNED


async def test_a_refused_signature_is_an_error(stage, fake):
    """The homeserver answers 200 and lists the failure."""
    fake.upload_signatures = lambda request: {
        "failures": {request.user: {"X": {"errcode": "M_INVALID_SIGNATURE"}}}
    }
    with pytest.raises(SigningFailed):
        await stage.provision("b_lotus")


@pytest.mark.parametrize("extra", [{"expires_in_ms": 60_000}, {"refresh_token": "x"}])
async def test_tokens_that_expire_are_refused(stage, fake, extra):
    """A bot whose token ends one night is silent the next morning."""
    fake.login_answer = extra
    with pytest.raises(LoginExpires):
        await stage.provision("b_lotus")


async def test_secrets_are_ours_alone(stage, fake):
    """Every file that provisioning leaves has mode 0600, and no token is in a representation."""
    credentials = await stage.provision("b_lotus")
    files = [path for path in stage.directory.rglob("b_lotus*") if path.is_file()]
    assert len(files) >= 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert credentials.access_token not in repr(credentials)


async def test_an_account_without_devices_has_an_identity(stage, fake):
    """The warden's: published by its application service, so that a thief's device stays unsigned."""
    user_id = "@b_warden:fake.test"
    seeds_path = stage.directory / "warden.seeds"
    put = fake.upload_identity

    def as_user(request):
        request.user = user_id
        return put(request)

    fake.upload_identity = as_user
    async with Api(fake.url, stage.as_token, as_user=user_id) as api:
        await publish_identity(api, user_id, seeds_path)
        await publish_identity(api, user_id, seeds_path)
    assert fake.count("device_signing/upload") == 1
    thief = Stranger(fake, user_id)
    answer = {"device_keys": {user_id: fake.accounts[user_id].devices}}
    answer |= {f"{name}s": {user_id: key} for name, key in fake.accounts[user_id].identity.items()}
    (device,) = read_devices(user_id, answer, read_identity(user_id, answer))
    assert (device.device_id, device.owner_signed) == (thief.device_id, False)
