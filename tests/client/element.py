"""Drive `element.mjs`: what a member sees and does in Element, without its windows."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.node import node, npm_install
from tests.waiting import PATIENCE

HERE = Path(__file__).parent
LONGEST_LINE = 64 << 20
"""Bytes: a whole timeline is one line of JSON."""
SILENCE = 60
"""Seconds more than the driver has for something: it gives up first, and its text says more than ours."""


class ElementError(Exception):
    """The driver could not do it; the text is the SDK's."""


@dataclass(frozen=True)
class Room:
    """A room as the member's list shows it."""

    room_id: str
    name: str
    membership: str
    space: bool
    encrypted: bool
    joined: int


@dataclass(frozen=True)
class Event:
    """One entry of a timeline, read under the isolation mode in force."""

    event_id: str
    sender: str
    type: str
    msgtype: str | None
    body: str | None
    content: dict[str, Any] | None
    encrypted: bool
    decrypted: bool
    failure: str | None
    """Why it cannot be read, in the SDK's words."""
    shield_colour: int | None
    """0 none, 1 grey, 2 red; None when it is not an encrypted event that could be read."""
    shield_reason: int | None
    wire: dict[str, Any]
    """As it came from the server."""

    @property
    def clean(self) -> bool:
        """Whether Element shows it as it was written, without any warning."""
        return self.decrypted and self.shield_colour == 0

    @property
    def at(self) -> datetime:
        """When it was sent, as the server says."""
        return datetime.fromtimestamp(self.wire["origin_server_ts"] / 1000, UTC)

    @property
    def session(self) -> str:
        """Id of the Megolm session it was encrypted with. Raise `KeyError` when it is in clear."""
        return str(self.wire["content"]["session_id"])


class Node:
    """One Node.js process that holds the sessions of many members."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """Start the process, and end it with the block."""
        await npm_install(HERE)
        process = await asyncio.create_subprocess_exec(
            node(),
            "element.mjs",
            cwd=HERE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
        driver = cls(process)
        try:
            yield driver
        finally:
            await driver._stop()

    async def login(self, homeserver: str, user: str, password: str, *, strict: bool = False) -> "Element":
        """Log in as Element does: first sync, then cross-signing in silence if the person has none."""
        who = f"{user} {next(self._ids)}"
        account = {"homeserver": homeserver, "user": user, "password": password}
        told = await self.ask(who, "login", PATIENCE, strict=strict, **account)
        return Element(
            self, who, told["user_id"], told["device_id"], told["access_token"], signed=told["signed"]
        )

    async def ask(self, who: str, command: str, within: float, **arguments: Any) -> Any:
        """Do one thing. Raise `ElementError` when the driver says no, or nothing at all."""
        if self._reader.done():
            raise ElementError("the driver ended")
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        line = json.dumps({"id": number, "who": who, "do": command, "within": within, **arguments})
        self._process.stdin.write(line.encode() + b"\n")
        try:
            return await asyncio.wait_for(answer, within + SILENCE)
        except TimeoutError:
            raise ElementError(f"{command}: no answer within {within + SILENCE:.0f} s") from None
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            message = json.loads(line)
            answer = self._waiting.get(message["id"])
            if answer is None or answer.done():
                continue
            if "error" in message:
                answer.set_exception(ElementError(message["error"]))
            else:
                answer.set_result(message["ok"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ElementError("the driver ended"))

    async def _stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            with suppress(ProcessLookupError):  # the session: what we started may only have started it
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await self._reader


@dataclass(frozen=True)
class Element:
    """One member's session. Every `within` is in seconds."""

    node: Node
    who: str
    user_id: str
    device_id: str
    access_token: str
    signed: bool
    """Whether this device is signed by its owner."""

    async def mode(self, *, strict: bool) -> None:
        """Strict: only owner-signed devices count, the coming default. Else: every device, as today."""
        await self._ask("mode", strict=strict)

    async def rooms(self) -> list[Room]:
        """Every room this session knows of, whatever the membership."""
        return [Room(**room) for room in await self._ask("rooms")]

    async def wait_rooms(self, count: int, within: float = PATIENCE) -> None:
        """Until at least that many rooms and spaces are joined."""
        await self._ask("wait_rooms", within, count=count)

    async def create(self, invite: Sequence[str] = ()) -> str:
        """Make an encrypted room; its id."""
        return str((await self._ask("create", invite=list(invite)))["room_id"])

    async def join(self, room: str, within: float = PATIENCE) -> None:
        """Join by id."""
        await self._ask("join", within, room=room)

    async def members(self, room: str) -> set[str]:
        """Who has joined, as the server says."""
        return set(await self._ask("members", room=room))

    async def send(self, room: str, body: str) -> str:
        """Send a text, encrypted where the room is; the event id."""
        return str((await self._ask("send", room=room, body=body))["event_id"])

    async def react(self, room: str, event: str, key: str) -> str:
        """Tap a reaction under an event; the reaction's event id."""
        return str((await self._ask("react", room=room, event=event, key=key))["event_id"])

    async def answer_poll(self, room: str, poll: str, answer: str) -> str:
        """Tap one answer of a poll; the event id."""
        told = await self._ask("answer_poll", room=room, poll=poll, answer=answer)
        return str(told["event_id"])

    async def timeline(self, room: str, since: str | None = None) -> list[Event]:
        """Read what the member sees after that event, oldest first, without state."""
        return [Event(**event) for event in await self._ask("timeline", room=room, since=since)]

    async def wait_message(
        self,
        room: str,
        *,
        since: str | None = None,
        sender: str | None = None,
        contains: str | Sequence[str] = "",
        types: Sequence[str] = ("m.room.message",),
        within: float = PATIENCE,
    ) -> Event:
        """Wait for the first message that can be read; from anyone else when `sender` is not given.

        `contains` is what has to stand in it: of several parts, any.
        """
        parts = [contains] if isinstance(contains, str) else list(contains)
        wanted = {"since": since, "sender": sender, "contains": parts, "types": list(types)}
        return Event(**await self._ask("wait_message", within, room=room, **wanted))

    async def read_wire(self, event: Event) -> Event:
        """Try to read with this session's keys what somebody else received."""
        return Event(**await self._ask("read_wire", wire=event.wire))

    async def history(self, room: str) -> list[dict[str, Any]]:
        """Every event the server still has of a room, state too, oldest first, as it comes over the wire."""
        return list(await self._ask("history", room=room))

    async def wait_logged_out(self, within: float = PATIENCE) -> None:
        """Until the server has ended this session."""
        await self._ask("wait_logged_out", within)

    async def wait_membership(
        self, room: str, membership: str, user: str | None = None, within: float = PATIENCE
    ) -> None:
        """Until this session sees itself, or somebody else, joined to a room or out of it (`leave`)."""
        await self._ask("wait_membership", within, room=room, membership=membership, user=user)

    async def away(self, path: str = "") -> None:
        """Hear nothing of what the server answers until `back`: all, or where that is asked."""
        await self._ask("away", path=path)

    async def back(self) -> None:
        """Hear all of it, that answer first under which the line broke."""
        await self._ask("back")

    async def wait_emptied(self, room: str, within: float = PATIENCE) -> None:
        """Until this session shows nothing any more that anybody said there."""
        await self._ask("wait_emptied", within, room=room)

    async def wake(self) -> None:
        """Ask the server again at once after it was away, as when somebody opens the app."""
        await self._ask("wake")

    async def close(self) -> None:
        """Stop syncing and forget the keys, as a phone that is lost."""
        await self._ask("close")

    async def _ask(self, command: str, within: float = PATIENCE, **arguments: Any) -> Any:
        return await self.node.ask(self.who, command, within, **arguments)
