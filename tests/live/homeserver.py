"""A running homeserver of ours, as tests use it."""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from banyan.matrix import Api, MatrixError
from homeserver import names
from homeserver.accounts import provision
from homeserver.actors import ADMIT
from homeserver.admin import Admin
from homeserver.config import HomeserverSpec, PostgresSpec, render
from homeserver.gatefile import GateFile, token_hash
from homeserver.matrix import Matrix
from homeserver.ports import choose_ports
from homeserver.supervise import Synapse
from tests.waiting import PATIENCE

SERVER_NAME = "banyan.test"
MEGOLM = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
CLOSED = [
    {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}},
    {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
]


@dataclass(frozen=True)
class Member:
    """A registered member with a session; `matrix` speaks for them."""

    user_id: str
    access_token: str
    password: str
    device_id: str
    matrix: Matrix

    def __iter__(self):
        """Unpack as `user_id, access_token, password`."""
        return iter((self.user_id, self.access_token, self.password))


@dataclass
class LiveHomeserver:
    """One Synapse of one home. Clients live inside `async with homeserver.clients()`."""

    home: Path
    spec: HomeserverSpec
    synapse: Synapse
    gate: GateFile
    _clients: AsyncExitStack | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self.spec.client_url

    @property
    def server_name(self) -> str:
        return self.spec.server_name

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[None]:
        """Open what `registrar`, `keeper`, `warden` and members talk through; all is closed at the end."""
        async with AsyncExitStack() as stack:
            self._clients = stack
            self.registrar = await self._opened(Admin(self.url, self.secret("registrar.token")))
            self.keeper = await self._opened(Matrix(self.url, self.secret("keeper.token")))
            self.warden = await self.acting(names.WARDEN)
            yield
        self._clients = None

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def as_token(self, service: str) -> str:
        """The token of an application service: `warden` or `speakers`."""
        return self.secret(f"{service}.as_token")

    def user_id(self, localpart: str) -> str:
        return f"@{localpart}:{self.server_name}"

    async def acting(self, localpart: str) -> Matrix:
        """A client acting as the warden or a speaker with its service's token."""
        service = names.WARDEN_SERVICE if localpart == names.WARDEN else names.SPEAKERS_SERVICE
        return await self._opened(Matrix(self.url, self.as_token(service), as_user=self.user_id(localpart)))

    async def session(self, token: str | None, *, patience: float = 60.0) -> Matrix:
        """A client with any token, or with none."""
        return await self._opened(Matrix(self.url, token, patience=patience))

    async def member(self, localpart: str, rooms: Iterable[str] = (), *, typed: str | None = None) -> Member:
        """Register a member by a token, through the gate, and wait until they are in `rooms`.

        `typed` is the name they type; the token's name wins.
        """
        user_id = self.user_id(localpart)
        self.gate.allow(user_id, rooms)
        token = await self.invitation(localpart)
        password = f"a long enough phrase {secrets.token_hex(4)}"
        answer = await self.register(token, password, typed=typed or localpart)
        assert answer["user_id"] == user_id
        assert not (await self.admit(user_id))["refused"]
        matrix = await self.session(answer["access_token"])
        return Member(user_id, answer["access_token"], password, answer["device_id"], matrix)

    async def invitation(self, localpart: str, *, lasts: timedelta = timedelta(hours=1)) -> str:
        """A registration token that stands for a name."""
        token, expires = secrets.token_urlsafe(16), datetime.now(UTC) + lasts
        self.gate.token(token_hash(token), localpart, expires)
        await self.registrar.create_registration_token(token, expires=expires)
        return token

    async def register(self, token: str | None, password: str, *, typed: str) -> dict[str, Any]:
        """Register as any client does: a first request that opens a session, a second with the token."""
        body: dict[str, Any] = {"username": typed, "password": password}
        api = await self._opened(Api(self.url, None))
        session = await unfinished_session(api, body)
        stages = [{"type": "m.login.registration_token", "token": token}] if token else []
        for stage in (*stages, {"type": "m.login.dummy"}):
            body["auth"] = stage | {"session": session}
            try:
                return await api.request("POST", "/register", body=body)
            except MatrixError as error:
                if error.status != 401:
                    raise
        raise AssertionError("registration did not end")

    async def admit(self, user_id: str) -> dict[str, Any]:
        """Ask the gate to join a member to their rooms."""
        api = await self._opened(Api(self.url, self.secret("gate.secret")))
        return await api.request("POST", ADMIT, body={"user_id": user_id})

    async def refusals(self) -> dict[str, int]:
        """How often the gate refused, by reason, since Synapse started."""
        api = await self._opened(Api(self.url, self.secret("gate.secret")))
        return (await api.request("POST", "/_synapse/client/banyan/ping"))["refused"]

    @asynccontextmanager
    async def refusing(self, reason: str) -> AsyncIterator[None]:
        """What happens inside is refused with 403, by the gate, for this reason and no other."""
        before = await self.refusals()
        with pytest.raises(MatrixError) as caught:
            yield
        assert (caught.value.status, caught.value.errcode) == (403, "M_FORBIDDEN")
        assert caught.value.answer["error"]
        after = await self.refusals()
        assert {key for key in after if after[key] > before.get(key, 0)} == {reason}

    async def grow_room(self, **changes: Any) -> str:
        """An encrypted standing room, made by the keeper with the warden in it at power 100."""
        warden = self.user_id(names.WARDEN)
        room_id = await self.keeper.create_room(standing_room(warden) | {"invite": [warden]} | changes)
        await self.warden.join(room_id)
        return room_id

    async def _opened(self, client):
        assert self._clients is not None, "use it inside `async with homeserver.clients()`"
        return await self._clients.enter_async_context(client)


def standing_room(warden: str) -> dict[str, Any]:
    """What the keeper asks for: invite-only, encrypted, all state at 100."""
    return {
        "preset": "private_chat",
        "initial_state": [MEGOLM, *CLOSED],
        "power_level_content_override": {"users": {warden: 100}},
    }


async def unfinished_session(api: Api, body: dict[str, Any]) -> str:
    """Open a registration and return its session id."""
    try:
        await api.request("POST", "/register", body=body)
    except MatrixError as error:
        if error.status != 401:
            raise
        return error.answer["session"]
    raise AssertionError("registered without a stage")


@asynccontextmanager
async def started_homeserver(
    home: Path,
    *,
    private_url: str = "http://127.0.0.1:9",
    private_chats: bool = True,
    database: PostgresSpec | None = None,
) -> AsyncIterator[LiveHomeserver]:
    """Start a homeserver under `home` and make our accounts; everything is stopped at the end."""
    ports = choose_ports(home, ["client", "metrics"])
    spec = HomeserverSpec(
        server_name=SERVER_NAME,
        client_port=ports["client"],
        metrics_port=ports["metrics"],
        private_url=private_url,
        private_chats=private_chats,
        database=database,
    )
    render(home, spec)
    gate = GateFile(home / "gate.db")
    synapse = Synapse(home, spec.client_url)
    await synapse.start()
    try:
        await synapse.wait_ready(PATIENCE)
        await provision(spec.client_url, spec.server_name, home / "secrets")
        yield LiveHomeserver(home, spec, synapse, gate)
    finally:
        if synapse.pid is None:
            print("this homeserver had ended before it was told to:", home)  # noqa: T201 - shown when a test fails
        await synapse.stop()
