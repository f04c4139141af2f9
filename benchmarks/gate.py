"""What the gate costs a join: the same people into the same rooms, in a Synapse with it and in one without.

Held against the limit is the time that Synapse computes, not the time that passes: a twentieth more or less
is lost in what else a machine does meanwhile.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from banyan.bootstrap.home import Parts
from benchmarks import homes
from benchmarks.bare_joins import BareJoins
from benchmarks.measure import Kind, Pair, Result, Step, compared, in_turns, timed
from benchmarks.parts import Sizes
from homeserver.config import Paths
from homeserver.gatefile import GateFile
from homeserver.matrix import Matrix

LIMIT = 1.05
ROOMS = 6
"""A round each; the first one fills Synapse's caches and is not counted."""
BARE = {"modules": [{"module": f"{BareJoins.__module__}.{BareJoins.__name__}", "config": {}}]}
ENCRYPTED = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
CLOSED = [
    {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
    {"type": "m.room.guest_access", "content": {"guest_access": "forbidden"}},
]


async def gate_cost(directory: Path, sizes: Sizes, step: Step) -> list[Result]:
    """Everybody joins each room by themselves, as a phone asks for it; ours and the peer's take turns."""
    names = [f"newcomer-{each}" for each in range(sizes.newcomers)]
    computed, passed = [], []
    async with _side(directory / "with", names) as ours, _side(directory / "without", names, BARE) as bare:
        for room in range(ROOMS):
            began = ours.computed(), bare.computed()
            for number, name in enumerate(names):
                passed += await in_turns(
                    lambda name=name, room=room: timed(ours.join(name, room)),
                    lambda name=name, room=room: timed(bare.join(name, room)),
                    1,
                    peer_first=bool(number % 2),
                )
            spent = (ours.computed() - began[0]) / len(names), (bare.computed() - began[1]) / len(names)
            computed.append(Pair(*spent))
            step(room + 1, ROOMS)
    size = {"people": len(names), "rooms": ROOMS - 1}
    wall = median(pair.product / pair.peer for pair in passed[len(names) :])
    return [compared("gate, per join", Kind.RATIO, LIMIT, computed[1:], size, wall_clock=round(wall, 2))]


@dataclass(frozen=True)
class _Side:
    """A homeserver, its people's sessions and the rooms they may join."""

    pid: int
    phones: dict[str, Matrix]
    rooms: list[str]

    async def join(self, name: str, room: int) -> None:
        await self.phones[name].join(self.rooms[room])

    def computed(self) -> float:
        """Seconds that all threads of this Synapse have been on a processor."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


@asynccontextmanager
async def _side(
    directory: Path, names: list[str], changes: dict[str, Any] | None = None
) -> AsyncIterator[_Side]:
    """Everybody is in a space, and the rooms are open to whoever is in it."""
    async with homes.started(directory, changes) as parts, AsyncExitStack() as stack:
        url = parts.addresses.homeserver
        token = parts.home.secret("keeper.token").read_text().strip()
        keeper = await stack.enter_async_context(Matrix(url, token))
        space = await keeper.create_room(_space(parts))
        rooms = [await keeper.create_room(_room(space)) for _ in range(ROOMS)]
        phones = {}
        for name in names:
            account = await homes.register(parts, name)
            GateFile(parts.home.gate_file).allow(account.user_id, [space, *rooms])
            phones[name] = await stack.enter_async_context(Matrix(url, account.access_token))
            await keeper.invite(space, account.user_id)
            await phones[name].join(space)
        yield _Side(_pid(parts), phones, rooms)


def _pid(parts: Parts) -> int:
    """Find the Synapse of this home."""
    config = str(Paths(parts.home.path.resolve()).config).encode()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        arguments = process.read_bytes().split(b"\0")
        if config in arguments and b"synapse.app.homeserver" in arguments:
            return int(process.parent.name)
    raise RuntimeError("no Synapse runs for this home")


def _space(parts: Parts) -> dict[str, Any]:
    warden = {"users": {parts.accounts.warden: 100}}
    return {
        "preset": "private_chat",
        "creation_content": {"type": "m.space"},
        "initial_state": CLOSED,
        "power_level_content_override": warden,
    }


def _room(space: str) -> dict[str, Any]:
    rule = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    state = [ENCRYPTED, *CLOSED, {"type": "m.room.join_rules", "content": rule}]
    return {"preset": "private_chat", "initial_state": state}
