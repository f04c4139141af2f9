"""The audit in a real security room: asked for in words, answered by number, put right by the warden."""

import sqlite3
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.live.test_held_alert import OFFICER, asked, running, somebody, talk
from tests.waiting import until

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
        await until(lambda: asked(home, FOUND))
        found = await room.say("audit room Juniper shade", THERE)
        asks = "Shall I open this room again?"
        whole = await room.choose(found, "🔹 To know: Juniper shade: This room is still frozen", asks)
        await room.choose(whole, "Do it now", "being done")
        assert asked(home, "SELECT frozen FROM rooms WHERE key = 'talk:KH'") == 0
        # what is said of every rule, or of everything that was looked at
        assert "still frozen" not in await room.hear("very")
