"""What officers do in a real network: the console, by a link in a chat; the audit, by number in a room."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from banyan.demo.sample import Reader
from banyan.demo.talk import Talk
from tests.client.network import Network
from tests.live.networks import part_of_example, write_home
from tests.live.test_held_alert import OFFICER, asked, somebody, talk
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="session")]

FROZEN_ROOM = "talk:KH"
THERE = "Juniper shade: these rules are not kept"
FOUND = "SELECT count(*) FROM audits WHERE findings LIKE '%room-frozen%'"


@dataclass(frozen=True)
class Place:
    """A network that runs, one frozen room in it, and two officers at their phones."""

    home: Path
    network: Network
    officers: list[Reader]
    http: aiohttp.ClientSession
    """A browser."""

    async def chat(self, officer: Reader) -> Talk:
        """Their own, with the desk."""
        room_id = asked(self.home, "SELECT chat FROM members WHERE localpart = ?", officer.sample.localpart)
        return await talk(self.network, officer, room_id, "desk")

    async def shown(self, url: str, method: str = "GET") -> tuple[int, str]:
        async with self.http.request(method, url) as answer:
            return answer.status, await answer.text()

    async def link(self, officer: Reader) -> str:
        """Ask for the console in the chat."""
        said = await (await self.chat(officer)).say("console", "/console/open/")
        (link,) = re.findall(r"http://127\.0\.0\.1:\d+/console/open/[0-9a-f]{64}", said)
        return link


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    directory = tmp_path_factory.mktemp("officers")
    home = directory / "home"
    write_home(home, part_of_example(("KH", "TH"), OFFICER, "security"), server_name="officers.test")
    jar = aiohttp.CookieJar(unsafe=True)  # it is an address and no name
    async with aiohttp.ClientSession(cookie_jar=jar) as http, AsyncExitStack() as stack:
        network = Network(home, http)
        stack.push_async_callback(network.stop)
        await network.start()
        decide(home, f"UPDATE rooms SET frozen = 1 WHERE key = '{FROZEN_ROOM}'")
        officers = await asyncio.gather(
            *(somebody(network, area, directory, stack, OFFICER) for area in ("KH", "TH"))
        )
        decide(home, "UPDATE members SET language = 'en'")  # or each answer is said twice
        yield Place(home, network, officers, http)


def decide(home: Path, change: str) -> None:
    with closing(sqlite3.connect(home / "banyan.db", timeout=30)) as banyan, banyan:
        banyan.execute(change)


async def test_an_officer_asks_in_the_chat_and_is_in(place):
    """Once, and with what the homeserver really says of their devices."""
    officer = place.officers[0]
    link = await place.link(officer)
    assert (await place.shown(link))[0] == 200
    status, page = await place.shown(link, "POST")
    assert status == 200
    assert "The network" in page
    assert (await place.shown(link, "POST"))[0] == 403

    console = link.partition("/open/")[0]
    status, page = await place.shown(f"{console}/members/{officer.sample.localpart}")
    assert status == 200
    assert re.search(r"<dt>Devices</dt><dd>1</dd>", page)
    status, page = await place.shown(f"{console}/log")
    assert "console-opened" in page
    assert "The log does not hold" not in page
    assert "do not agree" not in page


async def test_what_an_audit_found_is_put_right_by_a_number(place):
    """A frozen room is found, told of, opened by a digit, and looked at again; all of it encrypted."""
    security = asked(place.home, "SELECT room_id FROM rooms WHERE key = 'staff:security'")
    room = await talk(place.network, place.officers[0], security, "steward")
    await room.say("audit")
    await until(lambda: asked(place.home, FOUND))
    found = await room.say("audit room Juniper shade", THERE)
    asks = "Shall I open this room again?"
    whole = await room.choose(found, "🔹 To know: Juniper shade: This room is still frozen", asks)
    await room.choose(whole, "Do it now", "being done")
    assert asked(place.home, "SELECT frozen FROM rooms WHERE key = ?", FROZEN_ROOM) == 0
    # what is said of every rule, or of everything that was looked at
    assert "still frozen" not in await room.hear("very")


async def test_a_frozen_officer_is_out_of_the_console(place):
    """The moment somebody says the word."""
    frozen, colleague = place.officers
    link = await place.link(frozen)
    assert (await place.shown(link, "POST"))[0] == 200
    console = link.partition("/open/")[0]
    assert (await place.shown(console))[0] == 200
    chat = await place.chat(colleague)
    await chat.say(f"freeze {frozen.sample.localpart}", "I am ending all access")
    status, page = await place.shown(console)
    assert status == 403
    assert "You are not in" in page
