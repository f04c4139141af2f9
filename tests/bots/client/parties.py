"""Two sides of a conversation, for unit and live tests alike: our client with a roster and open ears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bots.client import Client, Credentials, KeyPolicy, Membership, Message, Report, ReportKind, provision
from bots.client.provision import relogin
from tests.waiting import PATIENCE, until

PICKLE_KEY = "for tests"


class OpenRoster:
    """Everybody who is in the room, but for those a test strikes off."""

    def __init__(self, policy: KeyPolicy = KeyPolicy.OWNER_SIGNED) -> None:
        self.client: Client | None = None
        self.struck: set[str] = set()
        self.rule = policy

    async def allowed(self, room_id: str) -> frozenset[str]:
        assert self.client is not None
        return self.client.rooms[room_id].joined - self.struck

    def policy(self, room_id: str) -> KeyPolicy:
        return self.rule


@dataclass
class Party:
    """A running client and all it has heard."""

    client: Client
    roster: OpenRoster
    messages: list[Message] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    receipts: list[tuple[str, str, str]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    _sent: int = 0

    @property
    def user_id(self) -> str:
        return self.client.user_id

    def start(self) -> None:
        self.task = asyncio.create_task(self.client.run())

    async def say(self, room_id: str, body: str) -> str:
        self._sent += 1
        txn_id = f"{id(self)}-{self._sent}"
        return await self.client.send(room_id, {"msgtype": "m.text", "body": body}, txn_id=txn_id)

    async def hears(self, body: str) -> Message:
        """Wait for a message with this body."""
        found = await self.until(lambda: [m for m in self.messages if m.content.get("body") == body])
        return found[0]

    async def reported(self, kind: ReportKind) -> Report:
        """Wait for a report of this kind."""
        return (await self.until(lambda: [report for report in self.reports if report.kind is kind]))[0]

    async def until(self, question: Callable[[], Any]) -> Any:
        """Wait until something is true of what was heard."""
        await until(question, every=0.01)
        return question()

    async def heard_all(self) -> None:
        await self.client.ready(PATIENCE)

    def bodies(self) -> list[str]:
        return [message.content.get("body") for message in self.messages]

    async def stop(self) -> None:
        await self.client.close()
        if self.task is not None:
            with suppress(asyncio.CancelledError):
                await self.task

    def listen(self) -> None:
        self.client.on_message(_into(self.messages))
        self.client.on_membership(_into(self.memberships))
        self.client.on_report(_into(self.reports))

        async def receipt(room_id: str, user_id: str, event_id: str) -> None:
            self.receipts.append((room_id, user_id, event_id))

        self.client.on_receipt(receipt)


def _into(heard: list[Any]) -> Callable[[Any], Awaitable[None]]:
    async def note(what: Any) -> None:
        heard.append(what)

    return note


@dataclass
class Stage:
    """Where parties come from: a homeserver, and a directory for their secrets and stores."""

    url: str
    server_name: str
    as_token: str
    directory: Path

    def store(self, name: str) -> Path:
        return self.directory / f"{name}.db"

    async def provision(self, name: str) -> Credentials:
        return await provision(
            homeserver_url=self.url,
            as_token=self.as_token,
            localpart=name,
            server_name=self.server_name,
            secrets=self.directory / "secrets",
            store=self.store(name),
            pickle_key=PICKLE_KEY,
        )

    async def open(self, name: str, policy: KeyPolicy = KeyPolicy.OWNER_SIGNED, **options: Any) -> Party:
        """Provision and open one, not yet receiving."""
        roster = OpenRoster(policy)
        again = relogin(
            homeserver_url=self.url,
            as_token=self.as_token,
            localpart=name,
            server_name=self.server_name,
            secrets=self.directory / "secrets",
        )
        roster.client = await Client.open(
            homeserver_url=self.url,
            credentials=await self.provision(name),
            store=self.store(name),
            pickle_key=PICKLE_KEY,
            roster=roster,
            **({"relogin": again} | options),
        )
        party = Party(roster.client, roster)
        party.listen()
        return party

    @asynccontextmanager
    async def party(self, name: str, **options: Any) -> AsyncIterator[Party]:
        """One that receives until the block ends."""
        party = await self.open(name, **options)
        party.start()
        try:
            await party.heard_all()
            yield party
        finally:
            await party.stop()
