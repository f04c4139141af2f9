"""The console of a real network: the link comes through an encrypted chat, and opens the private listener."""

import asyncio
import re
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.live.test_held_alert import OFFICER, asked, running, somebody, talk

pytestmark = pytest.mark.live


async def shown(http, url, method="GET"):
    async with http.request(method, url) as answer:
        return answer.status, await answer.text()


async def test_an_officer_asks_in_the_chat_and_is_in(tmp_path):
    """Once; with what the homeserver really says of their devices; and out the moment they are frozen."""
    home = tmp_path / "home"
    jar = aiohttp.CookieJar(unsafe=True)  # it is an address and no name
    async with aiohttp.ClientSession(cookie_jar=jar) as http, AsyncExitStack() as stack:
        network = await stack.enter_async_context(running(home, http))
        officers = await asyncio.gather(
            *(somebody(network, area, tmp_path, stack, OFFICER) for area in ("KH", "TH"))
        )
        first, second = [
            await talk(
                network,
                each,
                asked(home, "SELECT chat FROM members WHERE localpart = ?", each.sample.localpart),
                "desk",
            )
            for each in officers
        ]
        said = await first.say("console", "/console/open/")
        (link,) = re.findall(r"http://127\.0\.0\.1:\d+/console/open/[0-9a-f]{64}", said)
        assert (await shown(http, link))[0] == 200
        status, page = await shown(http, link, "POST")
        assert status == 200
        assert "The network" in page
        assert (await shown(http, link, "POST"))[0] == 403

        name = officers[0].sample.localpart
        console = link.partition("/open/")[0]
        status, page = await shown(http, f"{console}/members/{name}")
        assert status == 200
        assert re.search(r"<dt>Devices</dt><dd>1</dd>", page)
        status, page = await shown(http, f"{console}/log")
        assert "console-opened" in page
        assert "The log does not hold" not in page
        assert "do not agree" not in page

        await second.say(f"freeze {name}", "I am ending all access")
        status, page = await shown(http, console)
        assert status == 403
        assert "You are not in" in page
