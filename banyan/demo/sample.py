"""Sample members: they join by the public path and read with a real encrypted client."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from banyan.demo.joining import join_by_link
from banyan.files import write_private
from banyan.matrix import Unauthorized
from bots.client import Client, KeyPolicy, Membership, Message, login_password

OFFICER, COORDINATOR = "security_officer", "coordinator"


@dataclass(frozen=True)
class Person:
    """Somebody who is to join."""

    country: str
    language: str
    themes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


PEOPLE = (
    Person("KH", "km", ("climate",)),
    Person("KH", "en"),
    Person("LA", "lo"),
    Person("MM", "my", ("justice",)),
    Person("MM", "my"),
    Person("MM", "en", ("defenders",)),
    Person("TH", "th", ("climate",)),
    Person("VN", "vi"),
    Person("VN", "vi", ("justice",)),
    Person("KH", "en", roles=(OFFICER,)),
    Person("TH", "en", roles=(OFFICER,)),
    Person("LA", "en", roles=(COORDINATOR,)),
)
"""The sample members."""


@dataclass(frozen=True)
class Sample:
    """What a sample member remembers: how to log in."""

    user_id: str
    country: str
    language: str
    passphrase: str
    roles: tuple[str, ...] = ()

    def save(self, directory: Path) -> None:
        """Write it with mode 0600."""
        write_private(directory / f"{self.localpart}.json", json.dumps(asdict(self)))

    @property
    def localpart(self) -> str:
        """The pseudonym."""
        return self.user_id[1:].partition(":")[0]


def remembered(directory: Path) -> list[Sample]:
    """The sample members of an earlier run."""
    files = sorted(directory.glob("*.json")) if directory.is_dir() else []
    return [Sample(**json.loads(file.read_text())) for file in files if file.stem.count(".") == 0]


async def join(http: aiohttp.ClientSession, link: str, user_id: str, person: Person) -> Sample:
    """Let a new sample member in by their link. Raise `JoinFailed`."""
    passphrase = secrets.token_urlsafe(18)
    await join_by_link(http, link, user_id, person.language, passphrase)
    return Sample(user_id, person.country, person.language, passphrase, person.roles)


class _Everyone:
    """A person's own client gives its keys to whoever is in the room, as Element does."""

    def __init__(self) -> None:
        self.client: Client | None = None

    async def allowed(self, room_id: str) -> frozenset[str]:
        room = self.client.rooms.get(room_id) if self.client else None
        return frozenset(room.joined) if room else frozenset()

    def policy(self, room_id: str) -> KeyPolicy:  # noqa: ARG002 - the same for all
        return KeyPolicy.EVERY_DEVICE


@dataclass
class Reader:
    """A sample member at their phone."""

    sample: Sample
    client: Client
    read: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Decrypted texts: event id → room id and `time.monotonic()` of reading."""
    texts: dict[str, str] = field(default_factory=dict)
    senders: set[str] = field(default_factory=set)
    heard: list[Message] = field(default_factory=list)
    """Everything decrypted, in the order in which it came."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    logged_out: asyncio.Event = field(default_factory=asyncio.Event)
    """The homeserver does not know this device any more."""

    def alert(self, marker: str) -> str:
        """Event id of the text with that marker; empty when it was never decrypted."""
        return next((event_id for event_id, text in self.texts.items() if marker in text), "")

    def heard_from(self, user_id: str) -> bool:
        """Whether anything that account said was decrypted."""
        return user_id in self.senders

    async def until(self, told: Callable[[], object], seconds: float) -> None:
        """Read on until `told` is true. Raise `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not told():
                self.news.clear()
                await self.news.wait()

    async def moved(self, _news: Membership) -> None:
        """Somebody came or went: whoever waits for that looks again."""
        self.news.set()

    async def hear(self, message: Message) -> None:
        """Remember what was decrypted."""
        body = message.content.get("body")
        if message.encrypted:
            self.heard.append(message)
            self.news.set()
        if message.encrypted and isinstance(body, str):
            self.read.setdefault(message.event_id, (message.room_id, time.monotonic()))
            self.texts[message.event_id] = body
            self.senders.add(message.sender)
            self.news.set()


async def _run(reader: Reader) -> None:
    try:
        await reader.client.run()
    except Unauthorized:
        reader.logged_out.set()


@asynccontextmanager
async def reading(sample: Sample, homeserver_url: str, directory: Path) -> AsyncIterator[Reader]:
    """Log in, as the same device each time, and read until the block ends."""
    store = directory / f"{sample.localpart}.db"
    credentials = await login_password(
        homeserver_url=homeserver_url,
        user_id=sample.user_id,
        password=sample.passphrase,
        secrets=directory / "keys",
        store=store,
        pickle_key=sample.passphrase,
    )
    everyone = _Everyone()
    client = await Client.open(
        homeserver_url=homeserver_url,
        credentials=credentials,
        store=store,
        pickle_key=sample.passphrase,
        roster=everyone,
    )
    everyone.client = client
    reader = Reader(sample, client)
    client.on_message(reader.hear)
    client.on_membership(reader.moved)
    running = asyncio.create_task(_run(reader))
    try:
        await client.ready(60)
        yield reader
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.close()
