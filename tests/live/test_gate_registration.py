"""Nobody has an account whom the network did not invite."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from banyan.matrix import MatrixError
from homeserver.accounts import register_by_secret
from homeserver.gatefile import token_hash
from tests.live.homeserver import unfinished_session

pytestmark = pytest.mark.live
PHRASE = "a long enough phrase"


async def test_the_token_decides_the_name(homeserver):
    """A person who types another name gets the token's."""
    member = await homeserver.member("lotus-teal", typed="somebody-famous")
    assert (await member.matrix.whoami())["user_id"] == homeserver.user_id("lotus-teal")
    assert await homeserver.registrar.user(homeserver.user_id("somebody-famous")) is None


async def test_nobody_registers_without_a_token(homeserver):
    """Without the token's stage registration does not end."""
    with pytest.raises(AssertionError, match="did not end"):
        await homeserver.register(None, PHRASE, typed="nobody")
    assert await homeserver.registrar.user(homeserver.user_id("nobody")) is None


async def test_a_token_that_the_gate_does_not_know_makes_no_account(homeserver):
    """Not for a free name, and not for a name that somebody else's token stands for."""
    await homeserver.invitation("lotus-expected")
    stray = secrets.token_urlsafe(16)
    expires = datetime.now(UTC) + timedelta(hours=1)
    await homeserver.registrar.create_registration_token(stray, expires=expires)
    for name in ("lotus-free", "lotus-expected"):
        async with homeserver.refusing("no-invitation"):
            await homeserver.register(stray, PHRASE, typed=name)
        assert await homeserver.registrar.user(homeserver.user_id(name)) is None


async def test_an_expired_or_forgotten_token_makes_no_account(homeserver):
    """The gate decides, also while Synapse still takes the token."""
    late = await homeserver.invitation("lotus-late", lasts=timedelta(hours=1))
    homeserver.gate.token(token_hash(late), "lotus-late", datetime.now(UTC) - timedelta(seconds=1))
    withdrawn = await homeserver.invitation("lotus-withdrawn")
    homeserver.gate.forget_token(token_hash(withdrawn))
    for token in (late, withdrawn):
        async with homeserver.refusing("no-invitation"):
            await homeserver.register(token, PHRASE, typed="lotus-late")


async def test_a_token_makes_one_account(homeserver):
    """Used again it finds its name taken; an attempt that broke off in the middle costs nothing."""
    token = await homeserver.invitation("lotus-once")
    api = await homeserver.session(None)
    await unfinished_session(api, {"username": "lotus-once", "password": PHRASE})
    assert (await homeserver.register(token, PHRASE, typed="a"))["user_id"] == homeserver.user_id(
        "lotus-once"
    )
    with pytest.raises(MatrixError, match="M_USER_IN_USE"):
        await homeserver.register(token, PHRASE, typed="b")


async def test_the_shared_secret_makes_only_our_accounts(homeserver):
    """Whoever stole it cannot add a second admin under a name of their own."""
    async with homeserver.refusing("no-invitation"):
        shared = homeserver.secret("registration_shared_secret")
        await register_by_secret(await homeserver.session(None), shared, "another-admin", PHRASE, admin=True)


async def test_a_short_passphrase_is_refused(homeserver):
    """A stolen hash must be expensive."""
    token = await homeserver.invitation("lotus-short")
    with pytest.raises(MatrixError, match="M_PASSWORD_TOO_SHORT"):
        await homeserver.register(token, "tooshort", typed="lotus-short")
