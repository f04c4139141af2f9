"""Nobody has an account whom the network did not invite."""

import pytest

from homeserver.matrix import MatrixError

pytestmark = pytest.mark.live
PHRASE = "a long enough phrase"


async def test_the_token_decides_the_name(homeserver):
    """A person who types another name gets the token's."""
    member = await homeserver.member("lotus-teal", typed="somebody-famous")
    assert (await member.matrix.whoami())["user_id"] == homeserver.user_id("lotus-teal")
    assert await homeserver.registrar.user(homeserver.user_id("somebody-famous")) is None


async def test_nobody_registers_without_a_token(homeserver):
    """Without the token stage registration does not end."""
    with pytest.raises((MatrixError, AssertionError)):
        await homeserver.register(None, PHRASE, typed="nobody")
    assert await homeserver.registrar.user(homeserver.user_id("nobody")) is None
