"""A whole network as its operator starts it, in a home of its own, and what people do from outside."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from base64 import b64encode
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from nacl.signing import SigningKey

from banyan.demo.joining import join_by_link
from homeserver.ports import is_free, remembered_ports
from tests.client.element import Element
from tests.waiting import PATIENCE, until

BANYAN = Path(sys.executable).with_name("banyan")
PASSPHRASE = "seven quiet herons by the river"
SPEAKERS = ("desk", "alarm", "steward")
"""Our accounts that speak."""


@dataclass(frozen=True)
class Run:
    """What `run.json` tells."""

    homeserver_url: str
    server_name: str
    web_url: str


@dataclass(frozen=True)
class Invited:
    """What `banyan member invite --json` prints."""

    user_id: str
    token: str
    link: str
    expires: str


@dataclass(frozen=True)
class Sender:
    """Someone enrolled, with the key that only they hold."""

    name: str
    key: SigningKey

    def headers(self, body: bytes) -> dict[str, str]:
        """Sign a body as DESIGN's contract says."""
        signed = self.key.sign(b"banyan-alert-v1\n" + self.name.encode() + b"\n" + body)
        return {"Banyan-Sender": self.name, "Banyan-Signature": b64encode(signed.signature).decode()}


class Network:
    """One home. Everything here goes by the command line or by public HTTP, as people do it."""

    def __init__(self, home: Path, http: aiohttp.ClientSession) -> None:
        self.home = home
        self.http = http
        self.run: Run
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, within: float = 300) -> None:
        """`banyan up`, until `/health` says that all is well."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "up.out").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(BANYAN, "up", "--home", self.home),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            await until(self._healthy, within, every=0.2)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n{self._last_words()}") from None

    @property
    def pid(self) -> int:
        """Process id of `banyan up`."""
        assert self._process
        return self._process.pid

    async def ended(self) -> None:
        """Wait until a killed network is gone, its homeserver too: that dies a moment after its parent."""
        assert self._process
        await asyncio.wait_for(self._process.wait(), PATIENCE)
        ports = remembered_ports(self.home).values()
        await until(lambda: all(map(is_free, ports)))

    async def kill(self) -> None:
        """SIGKILL to the whole tree at once, as when the power goes."""
        self._kill_all()
        await self.ended()

    async def stop(self, within: float = PATIENCE) -> None:
        """Ctrl-C. Raise `AssertionError` when that is not heard; nothing is left behind then either."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), within)
        except TimeoutError:
            raise AssertionError(f"not stopped within {within:g} s\n{self._last_words()}") from None
        finally:
            if process.returncode is None:
                self._kill_all()
                await process.wait()

    async def banyan(self, *arguments: str) -> str:
        """Run one command in this home; what it printed. Raise when it did not end well."""
        process = await asyncio.create_subprocess_exec(
            *(BANYAN, *arguments, "--home", self.home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), 2 * PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(
                f"banyan {arguments[0]}: status {process.returncode}\n{errors.decode()[-2000:]}"
            )
        return output.decode()

    async def invite(self, country: str, *themes: str) -> Invited:
        """`banyan member invite`."""
        asked = [word for theme in themes for word in ("--theme", theme)]
        return Invited(
            **json.loads(await self.banyan("member", "invite", "--country", country, *asked, "--json"))
        )

    async def join(self, invited: Invited, language: str = "en") -> None:
        """Open the link, fill the form in as it stands, send it off."""
        await join_by_link(self.http, invited.link, invited.user_id, language, PASSPHRASE)

    async def reaches(self, phone: Element) -> None:
        """Wait until our accounts can write to that phone in every encrypted room it is in.

        What they say before that, it can never read.
        """
        for room in await phone.rooms():
            if room.membership != "join" or not room.encrypted:
                continue
            here = await phone.members(room.room_id)
            for bot in SPEAKERS:
                if self.account(bot) in here:
                    known = partial(self._reaches, bot, room.room_id, phone.user_id, phone.device_id)
                    await until(known, within=2 * PATIENCE)

    def _reaches(self, bot: str, *phone: str) -> bool:
        """Whether that account knows the phone, and has given it the room's key if it keeps one warm."""
        if bot == "desk":  # it gives keys out with what it says
            query = (
                "SELECT 1 FROM device JOIN member USING (user_id) JOIN person USING (user_id)"
                " WHERE room_id = ? AND user_id = ? AND device_id = ? AND membership = 'join'"
                " AND owner_signed AND master_key = pinned_key"
            )
        else:
            query = "SELECT 1 FROM own_key_device WHERE room_id = ? AND user_id = ? AND device_id = ?"
        store = f"file:{self.home / 'bots' / bot}.db?mode=ro"
        with closing(sqlite3.connect(store, uri=True)) as books:
            return books.execute(query, phone).fetchone() is not None

    async def grant(self, user_id: str, role: str) -> None:
        """`banyan role grant`."""
        await self.banyan("role", "grant", user_id, role)

    async def enrol(self, name: str, *flags: str) -> Sender:
        """`banyan sender enrol` with a new key."""
        key = SigningKey.generate()
        public = b64encode(bytes(key.verify_key)).decode()
        await self.banyan("sender", "enrol", name, "--public-key", public, *flags)
        return Sender(name, key)

    async def alert(self, sender: Sender, *areas: str, headline: str, **other: Any) -> dict[str, Any]:
        """Post a signed alert; the answer to it. Raise unless it was accepted."""
        body = json.dumps(alert(*areas, headline=headline) | other).encode()
        headers = sender.headers(body) | {"Content-Type": "application/json"}
        async with self.http.post(f"{self.run.web_url}/alerts", data=body, headers=headers) as answer:
            told = await answer.json()
            assert answer.status == 202, told.get("error")
            return dict(told)

    async def arrived(self, status_url: str, within: float = PATIENCE) -> dict[str, Any]:
        """The status of an alert, once it is sent in every room."""
        told: dict[str, Any] = {}

        async def sent_everywhere() -> bool:
            async with self.http.get(status_url) as answer:
                told.update(await answer.json())
            return bool(told["rooms"]) and all(room["state"] == "sent" for room in told["rooms"])

        await until(sent_everywhere, within, every=0.1)
        return told

    async def keys(self, access_token: str, *accounts: str) -> dict[str, Any]:
        """Master keys and signed devices of those accounts, as the homeserver tells a member."""
        async with self.http.post(
            f"{self.run.homeserver_url}/_matrix/client/v3/keys/query",
            json={"device_keys": {account: [] for account in accounts}},
            headers={"Authorization": f"Bearer {access_token}"},
        ) as answer:
            told = await answer.json()
        return {
            account: {
                "master": sorted(told["master_keys"][account]["keys"]),
                "devices": {name: device["keys"] for name, device in told["device_keys"][account].items()},
            }
            for account in accounts
        }

    async def refuses(self, access_token: str) -> tuple[int, str, bool]:
        """What the homeserver answers to an old token: status, error, whether it invites to log in again."""
        url = f"{self.run.homeserver_url}/_matrix/client/v3/account/whoami"
        async with self.http.get(url, headers={"Authorization": f"Bearer {access_token}"}) as answer:
            told = await answer.json()
        return answer.status, told.get("errcode", ""), told.get("soft_logout", False)

    def account(self, localpart: str) -> str:
        """User id of one of the network's own accounts."""
        return f"@{localpart}:{self.run.server_name}"

    async def _healthy(self) -> bool:
        """Whether all is well. Raise `RuntimeError` when it has ended."""
        assert self._process
        if self._process.returncode is not None:
            raise RuntimeError(f"banyan up ended\n{self._last_words()}")
        try:
            run = json.loads((self.home / "run.json").read_text())
            self.run = Run(run["homeserver_url"], run["server_name"], run["web_url"])
            async with self.http.get(f"{self.run.web_url}/health") as answer:
                return answer.status == 200
        except (FileNotFoundError, ValueError, aiohttp.ClientError):
            return False

    def _last_words(self) -> str:
        return (self.home / "up.out").read_text()[-3000:]

    def _kill_all(self) -> None:
        doomed, found = [self.pid], [self.pid]
        while found:
            found = [child for parent in found for child in _children(parent)]
            doomed += found
        for each in doomed:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alert(*areas: str, headline: str) -> dict[str, Any]:
    """An alert that a direct sender may raise alone."""
    now = datetime.now(UTC)
    text = {"headline": headline, "description": "Seen by two people.", "instruction": "Take another road."}
    return {
        "identifier": uuid4().hex,
        "sent": now.isoformat(timespec="seconds"),
        "expires": (now + timedelta(hours=2)).isoformat(timespec="seconds"),
        "status": "actual",
        "areas": list(areas),
        "kind": "raid",
        "severity": "severe",
        "response": "avoid",
        "texts": {"en": text},
    }
