"""The driver itself: it must show what Element shows, or the tests that rest on it prove nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.client.element import Element, Node
from tests.live.homeserver import LiveHomeserver, Member, started_homeserver
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.client, pytest.mark.asyncio(loop_scope="module")]

UNSIGNED_DEVICE = 2
RED = 2


@dataclass(frozen=True)
class Place:
    """A homeserver, and the driver."""

    homeserver: LiveHomeserver
    node: Node

    async def people(self, *names: str) -> tuple[str, Sequence[Member], Sequence[Element]]:
        """Make a room with these members in it, each with a phone."""
        room = await self.homeserver.grow_room()
        users = [await self.homeserver.member(name, [room]) for name in names]
        return room, users, [await self.phone(user) for user in users]

    async def phone(self, user: Member) -> Element:
        """Log in once more."""
        return await self.node.login(self.homeserver.url, user.user_id, user.password)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    home = tmp_path_factory.mktemp("home")
    async with started_homeserver(home) as homeserver, homeserver.clients(), Node.running() as node:
        yield Place(homeserver, node)


async def test_the_driver_shows_what_element_shows(place):
    """Signed devices are read without a warning in both modes; an unsigned one is red, or unreadable."""
    room, users, (one, two) = await place.people("amber-heron", "quiet-otter")
    assert one.signed
    assert two.signed
    await one.send(room, "hello")
    message = await two.wait_message(room)
    assert (message.body, message.sender, message.decrypted) == ("hello", one.user_id, True)

    stolen = await place.phone(users[0])
    assert not stolen.signed
    await stolen.wait_rooms(1)
    await stolen.send(room, "it is me")
    await two.wait_message(room, contains="it is me")

    async def known() -> bool:
        return (await two.timeline(room))[-1].shield_reason == UNSIGNED_DEVICE

    await until(known)  # what was said is read at once; whose device that is has to be asked for
    signed, unsigned = await two.timeline(room)
    assert (signed.shield_colour, unsigned.shield_colour) == (0, RED)
    await two.mode(strict=True)
    signed, unsigned = await two.timeline(room)
    assert signed.shield_colour == 0
    assert unsigned.failure == "UNSIGNED_SENDER_DEVICE"
    assert unsigned.body is None


async def test_all_that_comes_at_once_is_read(place):
    """After a bad line one answer of the server holds several messages: none of them stays unread."""
    room, _, (one, two) = await place.people("brisk-linnet", "mild-badger")
    words = ["first", "second", "third"]
    await two.away()
    for word in words:
        await one.send(room, word)
    await two.back()
    assert [(await two.wait_message(room, contains=word)).body for word in words] == words


async def test_an_answer_comes_after_its_question(place):
    """What others said before stands below what this phone says while its line is bad, and is no answer."""
    room, _, (one, two) = await place.people("dusty-plover", "silver-marten")
    await two.send(room, "here I am")
    await one.wait_message(room)
    await two.away()
    await one.send(room, "an older word")
    asking = asyncio.create_task(two.send(room, "a question"))
    await asyncio.sleep(0)  # it is on its way to the driver before the line is good again
    await two.back()
    said = await asking
    await one.wait_message(room, contains="a question")
    await one.send(room, "the answer")
    assert (await two.wait_message(room, since=said)).body == "the answer"


async def test_a_message_is_shown_when_its_device_is_known(place):
    """A strict phone that hears a newcomer before it knows whose device that is looks again when it does."""
    room, _, (one,) = await place.people("quick-wombat")
    await one.mode(strict=True)
    await one.away("/keys/query")
    newcomer = await place.phone(await place.homeserver.member("gentle-stork", [room]))
    await newcomer.wait_rooms(1)
    await newcomer.send(room, "do you know me?")

    async def refused() -> bool:
        return [event.failure for event in await one.timeline(room)] == ["UNSIGNED_SENDER_DEVICE"]

    await until(refused)
    await one.back()
    assert (await one.wait_message(room)).clean
