"""The accounts on a real Synapse: who is what, and what survives a kill in the middle."""

import pytest

from banyan.matrix import MatrixError
from homeserver import names
from homeserver.accounts import TokenLost, provision
from tests.live.homeserver import started_homeserver

pytestmark = pytest.mark.live


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


async def test_provisioning_resumes_after_a_kill(tmp_path):
    """Killed after the account was made and before its token was safe, the next run gets a token."""
    async with started_homeserver(tmp_path) as homeserver:
        for name in (names.REGISTRAR, names.KEEPER):
            secret = homeserver.secrets / f"{name}.token"
            kept = secret.read_text()
            # what a kill leaves: the account, the pending password, no token
            async with homeserver.clients():
                await homeserver.registrar.reset_password(
                    homeserver.user_id(name), "the password it was made with", end_sessions=False
                )
            secret.unlink()
            (homeserver.secrets / f"{name}.pending").write_text("the password it was made with")
            accounts = await provision(homeserver.url, homeserver.server_name, homeserver.secrets)
            assert secret.read_text() != kept
            assert secret.stat().st_mode & 0o777 == 0o600
            assert not list(homeserver.secrets.glob("*.pending"))
            assert accounts.keeper_token


async def test_a_keeper_taken_offline_stays_away(tmp_path):
    """Its absence is the normal state; a registrar without a token is a fault that says what to do."""
    async with started_homeserver(tmp_path) as homeserver:
        (homeserver.secrets / "keeper.token").unlink()
        accounts = await provision(homeserver.url, homeserver.server_name, homeserver.secrets)
        assert accounts.keeper_token is None
        assert not (homeserver.secrets / "keeper.token").exists()
        (homeserver.secrets / "registrar.token").unlink()
        with pytest.raises(TokenLost, match="from the backup"):
            await provision(homeserver.url, homeserver.server_name, homeserver.secrets)
