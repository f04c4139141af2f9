"""The driver itself: it must show the warnings of Element, or the tests that rest on it prove nothing."""

import pytest

from tests.client.element import Node
from tests.live.homeserver import started_homeserver

pytestmark = [pytest.mark.live, pytest.mark.client]

UNSIGNED_DEVICE = 2
RED = 2


async def test_the_driver_shows_what_element_shows(tmp_path):
    """Signed devices are read without a warning in both modes; an unsigned one is red, or unreadable."""
    async with started_homeserver(tmp_path) as homeserver, homeserver.clients(), Node.running() as node:
        room = await homeserver.grow_room()
        users = [await homeserver.member(name, [room]) for name in ("amber-heron", "quiet-otter")]
        one, two = [await node.login(homeserver.url, user.user_id, user.password) for user in users]
        assert one.signed
        assert two.signed
        await one.send(room, "hello")
        message = await two.wait_message(room)
        assert (message.body, message.sender, message.decrypted) == ("hello", one.user_id, True)

        stolen = await node.login(homeserver.url, one.user_id, users[0].password)
        assert not stolen.signed
        await stolen.wait_rooms(1)
        await stolen.send(room, "it is me")
        await two.wait_message(room, contains="it is me")

        signed, unsigned = await two.timeline(room)
        assert (signed.shield_colour, unsigned.shield_colour) == (0, RED)
        assert unsigned.shield_reason == UNSIGNED_DEVICE
        await two.mode(strict=True)
        signed, unsigned = await two.timeline(room)
        assert signed.shield_colour == 0
        assert unsigned.failure == "UNSIGNED_SENDER_DEVICE"
        assert unsigned.body is None
