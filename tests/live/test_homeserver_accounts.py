"""The accounts on a real Synapse: who is what, and what survives a kill in the middle."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from banyan.matrix import MatrixError
from homeserver import names
from homeserver.accounts import TokenLost, provision
from tests.live.homeserver import LiveHomeserver, started_homeserver

pytestmark = pytest.mark.live


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(tmp_path_factory) -> AsyncIterator[LiveHomeserver]:
    """Whose secrets tests may lose, if they put them back."""
    async with started_homeserver(tmp_path_factory.mktemp("accounts")) as homeserver:
        yield homeserver


async def test_each_account_has_its_own_kind_of_key(homeserver):
    """Only the registrar administers; the warden owns no device, so no client sends it a key."""
    for name in names.OWN:
        user = await homeserver.registrar.user(homeserver.user_id(name))
        assert user is not None
        assert user["admin"] is (name == names.REGISTRAR)
    for name in (names.WARDEN, *names.SPEAKERS):
        assert await homeserver.registrar.devices(homeserver.user_id(name)) == []
    whoami = await homeserver.warden.whoami()
    assert whoami["user_id"] == homeserver.user_id(names.WARDEN)
    assert "device_id" not in whoami


async def test_a_service_acts_for_its_own_accounts_only(homeserver):
    """A token that covered a member, or an admin, would be a key to everything."""
    member = await homeserver.member("willow-one")
    others = {
        "warden": [names.KEEPER, names.REGISTRAR, names.DESK, "willow-one"],
        "speakers": [names.KEEPER, names.REGISTRAR, names.WARDEN, "willow-one", "desk2", "desks"],
    }
    for service, strangers in others.items():
        api = await homeserver.session(homeserver.as_token(service))
        for stranger in strangers:
            params = {"user_id": homeserver.user_id(stranger)}
            with pytest.raises(MatrixError) as caught:
                await api.request("GET", "/account/whoami", params=params)
            assert caught.value.status == 403
    assert (await member.matrix.whoami())["device_id"] == member.device_id


async def test_tokens_of_ours_do_not_expire(homeserver):
    """A bot that is logged out on day thirty is an alarm that nobody hears."""
    speakers = await homeserver.session(homeserver.as_token("speakers"))
    login = {
        "type": "m.login.application_service",
        "identifier": {"type": "m.id.user", "user": names.ALARM},
        "device_id": "EXPIRY",
    }
    answer = await speakers.request("POST", "/login", body=login)
    assert not {"expires_in_ms", "refresh_token"} & set(answer)
    await homeserver.registrar.delete_devices(homeserver.user_id(names.ALARM))
    assert await homeserver.registrar.devices(homeserver.user_id(names.ALARM)) == []


async def test_our_accounts_are_not_slowed_down(homeserver):
    """An alarm to thirty rooms must not wait for a limiter, with the account's own token too."""
    speakers = await homeserver.session(homeserver.as_token("speakers"))
    login = {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": names.ALARM}}
    token = (await speakers.request("POST", "/login", body=login))["access_token"]
    room = await homeserver.grow_room()
    await homeserver.warden.invite(room, homeserver.user_id(names.ALARM))
    homeserver.gate.allow(homeserver.user_id(names.ALARM), [room])
    alarm = await homeserver.session(token, patience=0.1)
    await alarm.join(room)
    for number in range(45):
        path, body = "/rooms/{}/send/m.room.encrypted/{}", {"algorithm": "m.megolm.v1.aes-sha2"}
        await alarm.request("PUT", path, room, str(number), body=body)
    await homeserver.registrar.delete_devices(homeserver.user_id(names.ALARM))


async def test_provisioning_resumes_after_a_kill(own):
    """Killed after the account was made and before its token was safe, the next run gets a token."""
    for name in (names.REGISTRAR, names.KEEPER):
        secret = own.secrets / f"{name}.token"
        kept = secret.read_text()
        # what a kill leaves: the account, the pending password, no token
        async with own.clients():
            await own.registrar.reset_password(
                own.user_id(name), "the password it was made with", end_sessions=False
            )
        secret.unlink()
        (own.secrets / f"{name}.pending").write_text("the password it was made with")
        accounts = await provision(own.url, own.server_name, own.secrets)
        assert secret.read_text() != kept
        assert secret.stat().st_mode & 0o777 == 0o600
        assert not list(own.secrets.glob("*.pending"))
        assert accounts.keeper_token


async def test_a_keeper_taken_offline_stays_away(own, tmp_path):
    """Its absence is the normal state; a registrar without a token is a fault that says what to do."""
    tokens = [own.secrets / f"{name}.token" for name in (names.KEEPER, names.REGISTRAR)]
    try:
        tokens[0].rename(tmp_path / tokens[0].name)
        accounts = await provision(own.url, own.server_name, own.secrets)
        assert accounts.keeper_token is None
        assert not tokens[0].exists()
        tokens[1].rename(tmp_path / tokens[1].name)
        with pytest.raises(TokenLost, match="from the backup"):
            await provision(own.url, own.server_name, own.secrets)
    finally:
        for token in tmp_path.glob("*.token"):
            token.rename(own.secrets / token.name)
