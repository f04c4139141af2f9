"""The audit in a real security room: asked for in words, answered by number, put right by the warden."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.live.test_held_alert import OFFICER, asked, running, somebody, talk

pytestmark = pytest.mark.live

THERE = "Juniper shade: these rules are not kept"
FOUND = "SELECT count(*) FROM audits WHERE findings LIKE '%room-frozen%'"


def decide(home, change):
    with sqlite3.connect(home / "banyan.db", timeout=30) as banyan:
        banyan.execute(change)


async def test_what_an_audit_found_is_put_right_by_a_number(tmp_path):
    """A frozen room is found, told of, opened by a digit, and looked at again; all of it encrypted."""
    home = tmp_path / "home"
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        network = await stack.enter_async_context(running(home, http))
        decide(home, "UPDATE rooms SET frozen = 1 WHERE key = 'talk:KH'")
        officer = await somebody(network, "KH", tmp_path, stack, OFFICER)
        decide(home, "UPDATE members SET language = 'en'")  # or each answer is said twice
        security = asked(home, "SELECT room_id FROM rooms WHERE key = 'staff:security'")
        room = await talk(network, officer, security, "steward")
        await room.say("audit")  # once it answers, the steward knows their device
        async with asyncio.timeout(90):
            while not asked(home, FOUND):  # noqa: ASYNC110 - it tells nobody outside
                await asyncio.sleep(0.2)
        found = await room.say("audit room Juniper shade")
        if THERE not in found:  # what was looked at meanwhile is told in between
            found = await room.hear(THERE)
        whole = await room.choose(found, "🔹 To know: Juniper shade: This room is still frozen")
        assert "Shall I open this room again?" in whole
        assert "being done" in await room.choose(whole, "Do it now")
        assert asked(home, "SELECT frozen FROM rooms WHERE key = 'talk:KH'") == 0
        assert "still frozen" not in await room.hear(
            "very"
        )  # everything was looked at, or every rule is kept
