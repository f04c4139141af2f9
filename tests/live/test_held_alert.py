"""A held alert in a real network: posted, approved by two in an encrypted staff room, read, answered."""

import asyncio
import re
import sqlite3
from contextlib import AsyncExitStack, closing

import aiohttp
import pytest

from banyan.demo.sample import Person, join, reading
from banyan.demo.talk import Talk
from tests.client.network import Network
from tests.live.networks import part_of_example, write_home
from tests.waiting import until

pytestmark = pytest.mark.live

HEADLINE = "Checkpoint at the old bridge"
OFFICER = "security_officer"
COUNTRIES = ("KH", "LA", "TH")


async def somebody(network, country, directory, phones, *roles):
    """A member at their phone, once the desk has spoken to them."""
    invited = await network.invite(country)
    person = Person(country, "en", roles=roles)
    sample = await join(network.http, invited.link, invited.user_id, person)
    for role in roles:
        await network.banyan("role", "grant", sample.localpart, role)
    reader = await phones.enter_async_context(reading(sample, network.run.homeserver_url, directory))
    await until(lambda: reader.heard_from(network.account("desk")))
    return reader


def asked(home, question, *values):
    with closing(sqlite3.connect(home / "banyan.db", timeout=10)) as banyan:
        return banyan.execute(question, values).fetchone()[0]


def nothing_waits(reader):
    """How often the steward said so."""
    return sum("No request waits" in text for text in reader.texts.values())


async def talk(network, reader, room_id, account):
    """Wait until both are in the room."""
    account = network.account(account)
    rooms = reader.client.rooms
    await until(lambda: rooms.get(room_id) and account in rooms[room_id].joined)
    return Talk(reader, room_id, account)


async def test_a_held_alert_is_approved_read_and_answered(tmp_path):
    """Nothing leaves before the second person; then it is confirmed, and staff hear who needs help."""
    home = tmp_path / "home"
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        write_home(home, part_of_example(COUNTRIES, OFFICER, "security"), server_name="held.test")
        network = Network(home, http)
        stack.push_async_callback(network.stop)
        await network.start()
        sender = await network.enrol("relay")
        *officers, member = await asyncio.gather(
            somebody(network, "KH", tmp_path, stack, OFFICER),
            somebody(network, "TH", tmp_path, stack, OFFICER),
            somebody(network, "LA", tmp_path, stack),
        )
        security = asked(home, "SELECT room_id FROM rooms WHERE key = 'staff:security'")
        first, second = [await talk(network, each, security, "steward") for each in officers]
        for number, (officer, each) in enumerate(zip(officers, (first, second), strict=True), start=1):
            await each.say("waiting")  # once it answers, the steward knows their device
            await until(lambda: nothing_waits(officer) == number)  # noqa: B023 - awaited here
        chat = asked(home, "SELECT chat FROM members WHERE localpart = ?", member.sample.localpart)
        desk = await talk(network, member, chat, "desk")  # it hears what is said from now on

        told = await network.alert(sender, "LA", headline=HEADLINE)
        assert told["state"] == "held"
        shown = await first.hear(HEADLINE)
        (code,) = re.findall(r"\b[1-9][0-9]{3}\b(?=\. To end)", shown)
        await first.say(code, "One more person")
        async with http.get(told["status_url"]) as answer:
            status = await answer.json()
        assert (status["state"], status["rooms"]) == ("held", [])
        assert not member.alert(HEADLINE)

        assert code in await second.hear(HEADLINE)
        await second.say(code, "being done now")
        assert (await network.arrived(told["status_url"]))["state"] == "queued"
        await until(lambda: member.alert(HEADLINE))
        text = member.texts[member.alert(HEADLINE)]
        assert "Confirmed by two persons" in text
        assert "Unconfirmed" not in text

        await desk.poll()
        await desk.hear("Tap an answer")
        await desk.say("2", "will try to reach you")
        heard = await first.hear("needs help")
        assert member.sample.localpart in heard
        assert HEADLINE not in heard
