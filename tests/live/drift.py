"""Drift: what somebody who owns the server, a token of ours or both does to a running network.

`Attacker` works on any home that `banyan up` holds. Its way in is a module that it adds to the configuration
of the running Synapse, which it then kills: the supervisor starts it again.
"""

import json
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError
from homeserver.admin import Admin
from homeserver.matrix import Matrix
from tests.live.drift_module import PATH
from tests.waiting import until

WARDEN, KEEPER = "warden", "keeper"


class Attacker:
    """Everything that is on the machine is in their hands. Use `attacking`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        run = json.loads((home / "run.json").read_text())
        self.url = run["listening"]["homeserver"]
        self.server_name = run["server_name"]
        self.inside = Api(self.url, None, patience=5)
        self.admin = Admin(self.url, self.secret("registrar.token"))
        self.warden = Matrix(self.url, self.secret("warden.as_token"), as_user=self.account(WARDEN))
        self.keeper = Matrix(self.url, self.secret("keeper.token"))

    def secret(self, name: str) -> str:
        return (self.home / "secrets" / name).read_text().strip()

    def account(self, localpart: str) -> str:
        return f"@{localpart}:{self.server_name}"

    async def set(
        self, room_id: str, kind: str, content: Any, *, state_key: str = "", by: str = WARDEN
    ) -> None:
        """Set state past the gate, in the name of whoever is in the room and has the power."""
        event = {"type": kind, "state_key": state_key, "content": content}
        body = {"sender": self.account(by), "room_id": room_id, **event}
        await self.inside.request("POST", PATH, body=body)

    async def move(self, room_id: str, user_id: str, membership: str, *, by: str = WARDEN) -> None:
        """Invite, join, remove or ban somebody past the gate. To join, be invited first."""
        body = {
            "sender": user_id if membership == "join" else self.account(by),
            "room_id": room_id,
            "user_id": user_id,
            "membership": membership,
        }
        await self.inside.request("POST", PATH, body=body)

    async def put_in(self, room_id: str, user_id: str) -> None:
        """Somebody of this server is in the room, whoever did not ask them."""
        await self.move(room_id, user_id, "invite")
        await self.move(room_id, user_id, "join")

    async def bring_keeper(self, room_id: str) -> None:
        """The creator comes back: nothing is above it."""
        await self.warden.invite(room_id, self.account(KEEPER))
        await self.keeper.join(room_id)

    async def new_account(self) -> str:
        """An account that nobody invited."""
        return (await self.new_session())["user_id"]

    async def new_session(self) -> dict[str, str]:
        """The same, with a device: `user_id`, `device_id`, `access_token`."""
        asked = {"register": f"mallory-{secrets.token_hex(3)}"}
        return dict(await self.inside.request("POST", PATH, body=asked))

    async def state(self, room_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        """A room as it is: (type, state key) → content; memberships too."""
        events = await self.admin.room_state(room_id)
        return {(each["type"], each["state_key"]): each["content"] for each in events}

    async def events(self, room_id: str) -> dict[tuple[str, str], str]:
        """(type, state key) → event id: what has not changed has the same."""
        events = await self.admin.room_state(room_id)
        return {(each["type"], each["state_key"]): each["event_id"] for each in events}


@asynccontextmanager
async def attacking(home: Path) -> AsyncIterator[Attacker]:
    """Get a foot into the running homeserver of that home. Undone by the next `banyan up`."""
    attacker = Attacker(home)
    clients = (attacker.inside, attacker.admin, attacker.warden, attacker.keeper)
    try:
        await _enter(attacker)
        yield attacker
    finally:
        for client in clients:
            await client.close()


async def _enter(attacker: Attacker) -> None:
    file = attacker.home / "synapse" / "homeserver.yaml"
    config = yaml.safe_load(file.read_text())
    config["modules"].append({"module": "tests.live.drift_module.Drift", "config": {}})
    file.write_text(yaml.safe_dump(config))
    os.kill(json.loads((attacker.home / "run.json").read_text())["pids"]["synapse"], signal.SIGKILL)
    await until(lambda: _inside(attacker))


async def _inside(attacker: Attacker) -> bool:
    try:
        await attacker.inside.request("POST", PATH, body={}, patience=0)
    except HomeserverDown as error:
        return "500" in str(error)  # it is there, and was asked nothing
    except MatrixError:
        return False
    return True
