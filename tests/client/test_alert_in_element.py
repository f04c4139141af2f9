"""An alert in Element: from the command line and one HTTP request to what members see.

One network, seven members who joined through the page, one story told in order.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from banyan.vault import FileVault
from bots.client.errors import Undecryptable
from bots.client.megolm import RoomKeys
from bots.client.store import Store
from bots.client.wrapping import Wrapping
from tests.client.element import Element, Event, Node, Room
from tests.client.network import PASSPHRASE, Network, Sender

pytestmark = [pytest.mark.live, pytest.mark.client, pytest.mark.asyncio(loop_scope="module")]

THEMES = ("climate", "justice", "defenders", "corporate")
PLACES = {
    "first": ("MM", *THEMES),
    "second": ("MM", *THEMES),
    "outside": ("KH",),
    "third": ("CN",),
    "fourth": ("LA",),
    "fifth": ("TH",),
    "sixth": ("VN",),
}
"""Who is where. The first two share a country and every theme."""

OWN_ROOMS = 5
"""Space, conversation, guide and alert room of the place, and the chat with the desk."""


@dataclass(frozen=True)
class Story:
    """The network, its members and the one who may alert alone."""

    network: Network
    members: dict[str, Element]
    sender: Sender

    async def rooms_with(self, member: Element, bot: str) -> list[Room]:
        """Encrypted rooms that the member shares with one of our speaking accounts."""
        account = self.network.account(bot)
        return [room for room in await encrypted(member) if account in await member.members(room.room_id)]

    async def conversations(self, member: Element) -> list[Room]:
        """Encrypted rooms of the member in which no account of ours owns a device."""
        bots = {self.network.account(name) for name in ("desk", "alarm", "steward")}
        return [room for room in await encrypted(member) if not bots & await member.members(room.room_id)]

    async def chat(self, member: Element) -> str:
        """The member's chat with the desk."""
        (room,) = [room for room in await self.rooms_with(member, "desk") if room.joined == 2]
        return room.room_id


async def encrypted(member: Element) -> list[Room]:
    """Rooms the member has joined, without the spaces."""
    rooms = await member.rooms()
    return [room for room in rooms if room.membership == "join" and room.encrypted and not room.space]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """Grow the example network, let the members in by the public path, log them in as Element."""
    home = tmp_path_factory.mktemp("home")
    async with aiohttp.ClientSession() as http, Node.running() as node:
        network = Network(home, http)
        try:
            await network.start()
            members = await asyncio.gather(*(_arrive(network, node, name) for name in PLACES))
            sender = await network.enrol("relay-1", "--direct")
            yield Story(network, dict(zip(PLACES, members, strict=True)), sender)
        finally:
            await network.stop()


async def _arrive(network: Network, node: Node, name: str) -> Element:
    country, *themes = PLACES[name]
    invited = await network.invite(country, *themes)
    await network.join(invited)
    url = network.run.homeserver_url
    member = await node.login(url, invited.user_id, PASSPHRASE, strict=name == "first")
    await member.wait_rooms(OWN_ROOMS + len(themes))
    await network.reaches(member)
    return member


async def in_both_modes(member: Element, room: str) -> list[list[Event]]:
    """The timeline as strict members see it, and as everybody sees it today."""
    timelines = []
    for strict in (True, False):
        await member.mode(strict=strict)
        timelines.append(await member.timeline(room))
    return timelines


async def test_a_member_is_welcomed(story):
    """The desk's first words are readable, although they were written when the member had only just come."""
    for member in story.members.values():
        message = await member.wait_message(await story.chat(member), sender=story.network.account("desk"))
        assert message.clean


async def test_the_alert_is_read_without_a_warning_in_the_area_and_by_nobody_else(story):
    """Both members of the area read it in both modes; an alert elsewhere never shows this one."""
    alarm = story.network.account("alarm")
    first, second, outside = (story.members[name] for name in ("first", "second", "outside"))
    (room,) = await story.rooms_with(first, "alarm")
    (elsewhere,) = await story.rooms_with(outside, "alarm")

    told = await story.network.alert(story.sender, "MM", headline="Checkpoint on the old road")
    assert told["state"] == "queued"
    for member in (first, second):
        message = await member.wait_message(room.room_id, sender=alarm, contains="Checkpoint")
        assert message.clean
        assert message.msgtype == "m.text"
        for timeline in await in_both_modes(member, room.room_id):
            assert all(event.clean for event in timeline if event.sender == alarm)
    status = await story.network.arrived(told["status_url"])
    assert room.room_id in {delivery["room_id"] for delivery in status["rooms"]}

    # What comes later has come: so had the first alert reached them, it would be here by now.
    await story.network.alert(story.sender, "KH", headline="Bridge closed")
    await outside.wait_message(elsewhere.room_id, sender=alarm, contains="Bridge")
    for known in await encrypted(outside):
        for event in await outside.timeline(known.room_id):
            assert not event.failure
            assert "Checkpoint" not in (event.body or "")


@pytest.mark.parametrize(("name", "strict"), [("first", True), ("second", False)])
async def test_the_desk_answers(story, name, strict):
    """`help` gets an answer without a warning, from strict members and from all others."""
    member, desk = story.members[name], story.network.account("desk")
    await member.mode(strict=strict)
    chat = await story.chat(member)
    said = await member.send(chat, "help")
    answer = await member.wait_message(chat, since=said, sender=desk)
    assert answer.clean


async def test_no_account_of_ours_can_read_a_conversation(story, tmp_path):
    """Members talk everywhere: no store of ours knows a key of it, and no bot decrypts a word."""
    home, first = story.network.home, story.members["first"]
    spoken = await talk(story)
    places = {place for place, *_ in PLACES.values()}
    assert len({event.wire["room_id"] for event in spoken}) == len(places) + len(THEMES)

    chat = await story.chat(first)
    said = await first.send(chat, "help")
    await first.wait_message(chat, since=said, sender=story.network.account("desk"))
    (control,) = [event for event in await first.timeline(chat) if event.event_id == said]

    bots = {file.stem: snapshot(file, tmp_path) for file in home.glob("bots/*.db")}
    assert bots.keys() == {"desk", "alarm", "steward"}
    stores = {**bots, "banyan": snapshot(home / "banyan.db", tmp_path)}
    for name, store in stores.items():
        content = store.read_bytes()
        assert (control.session.encode() in content) == (name == "desk"), "what is known would be found"
        for event in spoken:
            assert event.session.encode() not in content, name
            assert name == "banyan" or event.wire["room_id"].encode() not in content, name

    vault = FileVault(home / "secrets" / "home.key")
    for bot, path in bots.items():
        with closing(Store(path)) as store:
            wrapping = Wrapping(store, vault.mac("pickle", bot), clock=time.time)
            keys = RoomKeys(store, wrapping, "", "", clock=time.time)
            if bot == "desk":
                assert keys.decrypt(chat, control.wire).content["body"] == "help"
            for event in spoken:
                with pytest.raises(Undecryptable):
                    keys.decrypt(event.wire["room_id"], event.wire)


async def talk(story: Story) -> list[Event]:
    """Everybody speaks in each of their conversations, and the first two read each other."""
    spoken = []
    for member in story.members.values():
        for room in await story.conversations(member):
            said = await member.send(room.room_id, "Does anyone have the minutes?")
            spoken += [event for event in await member.timeline(room.room_id) if event.event_id == said]
    first, second = story.members["first"], story.members["second"]
    for room in await story.conversations(first):
        assert (await first.wait_message(room.room_id, sender=second.user_id)).clean
    return spoken


def snapshot(database: Path, into: Path) -> Path:
    """Copy a database in use, as its owner would find it after a crash."""
    copy = into / database.name
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


async def test_identities_survive_stop_and_start(story):
    """The bots come back on the same devices under the same keys, and are heard as before."""
    first, network = story.members["first"], story.network
    bots = (network.account("desk"), network.account("alarm"))
    before = await network.keys(first.access_token, *bots)
    assert all(len(bot["devices"]) == 1 for bot in before.values())
    address = network.run.homeserver_url
    await network.stop()
    await network.start()
    await first.wake()
    assert network.run.homeserver_url == address, "people's apps would not find it again"
    assert await network.keys(first.access_token, *bots) == before
    alarm = network.account("alarm")
    (room,) = await story.rooms_with(first, "alarm")
    await network.alert(story.sender, "MM", headline="Second notice")
    assert (await first.wait_message(room.room_id, sender=alarm, contains="Second notice")).clean
