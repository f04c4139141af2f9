"""From a restart of everything but Synapse until the desk answers, with a chat for every member."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from banyan.bootstrap.growing import grow
from banyan.bootstrap.home import Parts
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKey, RoomKind, room_key
from banyan.matrix import Api
from benchmarks import homes
from benchmarks.measure import Result, Step, alone
from benchmarks.parts import Sizes, together
from benchmarks.speaker import PICKLE_KEY, Everybody, listening
from bots.client import Client, Message, login_password
from bots.desk import _chat
from homeserver.actors import ADMIT
from homeserver.gatefile import GateFile
from homeserver.matrix import Matrix
from tests.live.crowd import equip

WITHIN = 300.0
"""Seconds until we give up waiting for an answer."""


@dataclass(frozen=True)
class Run:
    """One start of `banyan serve`."""

    seconds: float
    """From the start of the process until the member has read the answer."""
    peak_mb: float


async def desk_restart(directory: Path, sizes: Sizes, step: Step) -> list[Result]:
    """A member asks for help while nobody is there; the clock runs until they have read the answer.

    Every member is in a chat, and in their area's space and alert room, and has a device.
    """
    async with homes.started(directory / "desk", ears=False) as parts:
        await grow(parts)
        await _people(parts, sizes.chats, step)
        async with _member(parts, directory / "member") as member:
            first = await _answered(parts, member)
            again = await _answered(parts, member)
    size = {"chats": sizes.chats}
    peak = max(first.peak_mb, again.peak_mb)
    return [
        alone(
            "restart until the desk answers",
            30,
            again.seconds,
            "s",
            size,
            first_start=round(first.seconds, 1),
        ),
        alone("memory of all but Synapse", 250, peak, "MB", size, after_restart=round(again.peak_mb)),
    ]


async def _people(parts: Parts, many: int, step: Step) -> None:
    gate_file = GateFile(parts.home.gate_file)
    async with parts.work.reading() as tx:
        ids = {room.key: room.room_id for room in await tx.rooms.all()}
    token = parts.home.secret("speakers.as_token").read_text().strip()
    secret = parts.home.secret("gate.secret").read_text().strip()
    url = parts.addresses.homeserver
    async with Matrix(url, token, as_user=parts.accounts.desk) as desk, Api(url, secret) as gate:

        async def one(number: int) -> None:
            area = parts.network.areas[number % len(parts.network.areas)].key
            account = await homes.register(parts, _name(number))
            if number:  # the first gets a real client later
                await equip(url, account.user_id, account.device_id, account.access_token)
            keys = [room_key(kind, area) for kind in (RoomKind.SPACE, RoomKind.ALERT)]
            gate_file.allow(account.user_id, [ids[RoomKey(key)] for key in keys])
            chat = await desk.create_room(_chat(account.user_id, secrets.token_hex(32)))
            gate_file.allow(account.user_id, [chat])
            await gate.request("POST", ADMIT, body={"user_id": account.user_id})
            member = Member(
                secrets.token_hex(16),
                _name(number),
                Placement(area),
                "en",
                MemberStatus.ADMITTED,
                chat,
                welcomed=True,
            )
            async with parts.work() as tx:
                await tx.members.add(member)

        await together((one(number) for number in range(many)), step)


@asynccontextmanager
async def _member(parts: Parts, directory: Path) -> AsyncIterator[Client]:
    """The first member, at a real client."""
    credentials = await login_password(
        homeserver_url=parts.addresses.homeserver,
        user_id=parts.accounts.member(_name(0)),
        password=homes.PASSPHRASE,
        secrets=directory,
        store=directory / "device.db",
        pickle_key=PICKLE_KEY,
    )
    everybody = Everybody()
    client = await Client.open(
        homeserver_url=parts.addresses.homeserver,
        credentials=credentials,
        store=directory / "device.db",
        pickle_key=PICKLE_KEY,
        roster=everybody,
    )
    everybody.client = client
    try:
        async with listening(client):
            yield client
    finally:
        await client.close()


async def _answered(parts: Parts, member: Client) -> Run:
    answers: asyncio.Queue[Message] = asyncio.Queue()

    async def hear(message: Message) -> None:
        if message.encrypted and message.sender == parts.accounts.desk:
            answers.put_nowait(message)

    member.on_message(hear)
    async with parts.work.reading() as tx:
        known = await tx.members.by_localpart(_name(0))
    assert known is not None
    assert known.chat is not None
    await member.send(known.chat, {"msgtype": "m.text", "body": "help"}, txn_id=secrets.token_hex(16))
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "banyan", "serve", "--home", str(parts.home.path)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WITHIN):
            await answers.get()
        return Run(perf_counter() - began, _peak_mb(process.pid))
    finally:
        member.handlers.message.remove(hear)
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _peak_mb(pid: int) -> float:
    """The most memory the process ever held (VmHWM of proc(5)), in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError("this system does not tell how much memory a process holds")


def _name(number: int) -> str:
    return f"member-{number}"
