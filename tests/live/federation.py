"""Two homeservers that federate on this machine, with certificates that both of them verify.

`ours` is a whole network as its operator starts it; `theirs` is a plain Synapse of somebody else, whose
signing key we hold: so it can be as hostile as the protocol allows.
"""

import itertools
import json
import os
import secrets
import signal
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp.test_utils import unused_port
from signedjson.key import read_signing_keys
from signedjson.sign import sign_json
from synapse.api.room_versions import RoomVersions
from synapse.crypto.event_signing import add_hashes_and_signatures
from unpaddedbase64 import encode_base64

from banyan.matrix import MatrixError
from homeserver.matrix import Matrix
from tests.certificates import Certificate, certificate
from tests.client.network import PASSPHRASE, Network
from tests.live.bare_synapse import BareSynapse, bare_synapse
from tests.live.networks import part_of_example
from tests.waiting import until

IMPATIENT = {
    "max_short_retries": 1,
    "max_short_retry_delay": "1s",
    "destination_min_retry_interval": "1s",
    "destination_max_retry_interval": "2s",
}
ROLE = "vetting_officer"
JOINT = "joint:harbour"
_ANEW = itertools.count(1)
_TOO_EARLY = ("duplicate auth_events", "You are not invited to this room")
"""What their Synapse says when it has an invitation and its room does not have it yet."""


@dataclass(frozen=True)
class Answer:
    """What a homeserver said to another."""

    status: int
    body: Any


@dataclass(frozen=True)
class Hostile:
    """The partner's server in the hands of somebody who writes every request by hand."""

    name: str
    key: Any
    target: str
    """The server name of whom it speaks to, which is its address here."""
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Answer:
        """Send one signed request of the server-server API."""
        signed = {"method": method, "uri": path, "origin": self.name, "destination": self.target}
        if content is not None:
            signed["content"] = content
        signature = sign_json(signed, self.name, self.key)["signatures"][self.name]
        key_id, value = next(iter(signature.items()))
        header = f'X-Matrix origin="{self.name}",destination="{self.target}",key="{key_id}",sig="{value}"'
        async with self.http.request(
            method,
            f"https://{self.target}{path}",
            headers={"Authorization": header},
            json=content,
        ) as answer:
            return Answer(answer.status, await answer.json(content_type=None))

    def signed(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event as this server would send it."""
        event = dict(event)
        add_hashes_and_signatures(RoomVersions.V12, event, self.name, self.key)
        return event

    async def send(self, event: Mapping[str, Any]) -> Answer:
        """Deliver one event in a transaction of its own."""
        now = int(time.time() * 1000)
        content = {"origin": self.name, "origin_server_ts": now, "pdus": [event]}
        return await self.ask("PUT", f"/_matrix/federation/v1/send/{secrets.token_hex(8)}", content)


@dataclass
class Pair:
    """Our network, a partner's server, and somebody on each side."""

    ours: Network
    theirs: BareSynapse
    hostile: Hostile
    directory: Path
    stack: AsyncExitStack
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def our_name(self) -> str:
        return self.ours.run.server_name

    def room(self, key: str) -> str:
        """Id of a declared room."""
        with sqlite3.connect(self.ours.home / "banyan.db", timeout=10) as books:
            return str(books.execute("SELECT room_id FROM rooms WHERE key = ?", (key,)).fetchone()[0])

    def rows(self, query: str, *values: object) -> list[tuple]:
        """Ask our books."""
        with sqlite3.connect(self.ours.home / "banyan.db", timeout=10) as books:
            return books.execute(query, values).fetchall()

    async def their(self, localpart: str) -> Matrix:
        """Somebody on the partner's server."""
        return await self.stack.enter_async_context(
            Matrix(self.theirs.url, self.tokens[localpart], patience=20)
        )

    async def invited(self, guest: Matrix, room_id: str) -> None:
        """Wait until somebody of theirs has an invitation to a room of ours."""

        async def there() -> bool:
            # never the same question twice: Synapse answers it for two minutes with the same answer
            anew = json.dumps({"room": {"timeline": {"limit": next(_ANEW)}}})
            found = await guest.request("GET", "/sync", params={"timeout": 0, "filter": anew})
            return room_id in found.get("rooms", {}).get("invite", {})

        await until(there)

    async def accepted(self, guest: Matrix, room_id: str) -> None:
        """Wait until an invitation has come, and take it."""
        await self.invited(guest, room_id)
        await self.join(guest, room_id)

    async def join(self, guest: Matrix, room_id: str) -> None:
        """Somebody of theirs, who is invited, comes in."""

        async def joined() -> bool:
            try:
                await guest.join(room_id)
            except MatrixError as refused:
                if any(words in refused.answer["error"] for words in _TOO_EARLY):
                    return False
                raise
            return True

        await until(joined)

    async def warden(self) -> Matrix:
        """Our warden, who sees every room."""
        token = (self.ours.home / "secrets" / "warden.as_token").read_text().strip()
        warden = self.ours.account("warden")
        return await self.stack.enter_async_context(
            Matrix(self.ours.run.homeserver_url, token, as_user=warden, patience=20)
        )

    async def member(self, country: str, role: str | None = None) -> tuple[str, Matrix]:
        """A member of ours with a session."""
        invited = await self.ours.invite(country)
        await self.ours.join(invited)
        if role:
            await self.ours.grant(invited.user_id, role)
        url = self.ours.run.homeserver_url
        anybody = await self.stack.enter_async_context(Matrix(url, None))
        who = {"type": "m.id.user", "user": invited.user_id}
        body = {"type": "m.login.password", "identifier": who, "password": PASSPHRASE}
        session = await anybody.request("POST", "/login", body=body)
        return invited.user_id, await self.stack.enter_async_context(Matrix(url, session["access_token"]))

    async def judged(self) -> None:
        """Wait until our homeserver has judged all it was sent: it answers a transaction before that."""

        def unjudged() -> list[tuple]:
            with sqlite3.connect(self.ours.home / "synapse" / "homeserver.db", timeout=10) as database:
                return database.execute("SELECT 1 FROM federation_inbound_events_staging").fetchall()

        await until(lambda: not unjudged())

    @property
    def homeserver_pid(self) -> int:
        """Process id of our homeserver."""
        return int(json.loads((self.ours.home / "run.json").read_text())["pids"]["synapse"])

    @contextmanager
    def stalled(self, pid: int) -> Iterator[None]:
        """A process stands still: what is asked of it is done later, or never."""
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def speak(self, matrix: Matrix, room_id: str) -> str:
        """Send something encrypted; the mark by which it is found again."""
        mark = secrets.token_hex(8)
        content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": mark}
        path = "/rooms/{}/send/m.room.encrypted/{}"
        await matrix.request("PUT", path, room_id, mark, body=content)
        return mark

    async def hears(self, matrix: Matrix, room_id: str, mark: str) -> bool:
        """Whether somebody has been sent what carries that mark."""
        path, params = "/rooms/{}/messages", {"dir": "b", "limit": 50}
        found = await matrix.request("GET", path, room_id, params=params)
        return any(each["content"].get("ciphertext") == mark for each in found["chunk"])

    def theirs_holds(self, mark: str) -> bool:
        """Whether the partner's server has what carries that mark, shown to anybody or not."""
        with sqlite3.connect(self.directory / "theirs" / "homeserver.db", timeout=10) as database:
            query = "SELECT 1 FROM event_json WHERE instr(json, ?)"
            return bool(database.execute(query, (mark,)).fetchone())

    async def memberships(self, room_id: str) -> dict[str, str]:
        """Who is what to a room, as our homeserver has it, for the partner's people."""
        state = await (await self.warden()).get_state(room_id)
        return {
            each["state_key"]: each["content"]["membership"]
            for each in state
            if each["type"] == "m.room.member" and each["state_key"].endswith(f":{self.theirs.server_name}")
        }

    async def template(self, room_id: str, user_id: str) -> Answer:
        """Ask our homeserver for a join to sign."""
        path = f"/_matrix/federation/v1/make_join/{room_id}/{user_id}?ver=12"
        return await self.hostile.ask("GET", path)


def declare(file: Path, server: str, *people: str, place: str = "harbour") -> None:
    """Write a network of one country, with a partner on that server, one elsewhere, and a room for each."""
    raw = part_of_example(["KH"], ROLE, "vetting")
    raw["partners"] = {
        "harbour": {
            "name": "An organisation",
            "scope": "regional",
            "packages": ["legal_aid"],
            "server": server,
            "people": list(people),
        },
        # speaks with nobody: it is there so that one partner is left when the other is cut off
        "lantern": {
            "name": "Another organisation",
            "scope": "regional",
            "packages": ["research"],
            "server": "lantern.test",
        },
    }
    rooms = ((place, "Larch", ["harbour"]), ("lantern", "Alder", ["lantern"]))
    raw["joint"] = {
        key: {"code_name": name, "partners": partners, "roles": [ROLE]} for key, name, partners in rooms
    }
    file.write_text(yaml.safe_dump(raw, sort_keys=False))


@asynccontextmanager
async def federating(directory: Path, *people: str, guests: int = 1) -> AsyncIterator[Pair]:
    """Start both. `people` are made on the partner's server; the first `guests` of them are declared."""
    made = certificate(directory / "tls", "localhost", "127.0.0.1")
    async with AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(_theirs(directory / "theirs", made))
        name = theirs.server_name
        tokens = {each: await theirs.register(each, "a long enough phrase") for each in people}
        trusting = ssl.create_default_context(cafile=str(made.authority))
        connector = aiohttp.TCPConnector(ssl=trusting)
        by_hand = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        home, port = directory / "ours", unused_port()
        home.mkdir()
        declare(home / "network.yaml", name, *(f"@{each}:{name}" for each in people[:guests]))
        (home / "banyan.yaml").write_text(yaml.safe_dump(_settings(f"127.0.0.1:{port}", port, made)))
        ours = Network(home, http)
        stack.push_async_callback(ours.stop)  # also when it does not become well
        await ours.start()
        with (directory / "theirs" / "signing.key").open() as file:
            (key,) = read_signing_keys(file)
        yield Pair(ours, theirs, Hostile(name, key, ours.run.server_name, by_hand), directory, stack, tokens)


def _settings(server_name: str, port: int, made: Certificate) -> dict[str, Any]:
    return {
        "network": "network.yaml",
        "server_name": server_name,
        "federation": {
            "port": port,
            "certificate": str(made.chain),
            "private_key": str(made.key),
            "authorities": [str(made.authority)],
            "loopback": True,
        },
    }


@asynccontextmanager
async def _theirs(directory: Path, made: Certificate) -> AsyncIterator[BareSynapse]:
    port = unused_port()
    listener = {
        "port": port,
        "type": "http",
        "tls": True,
        "bind_addresses": ["127.0.0.1"],
        "resources": [{"names": ["federation"]}],
    }
    async with bare_synapse(
        directory,
        [listener],
        server_name=f"localhost:{port}",
        tls_certificate_path=str(made.chain),
        tls_private_key_path=str(made.key),
        federation_custom_ca_list=[str(made.authority)],
        ip_range_blacklist=[],
        federation=IMPATIENT,
    ) as synapse:
        yield synapse


def reference(event: Mapping[str, Any]) -> str:
    """Id of an event that was signed by hand."""
    from synapse.crypto.event_signing import compute_event_reference_hash
    from synapse.events import make_event_from_dict

    made = make_event_from_dict(json.loads(json.dumps(event)), RoomVersions.V12)
    return "$" + encode_base64(compute_event_reference_hash(made)[1], urlsafe=True)
