"""Growing the example network, against the same rooms and joins through Synapse's module API.

The peer's Synapse is ours without the gate. It makes the same rooms by the same requests and joins the same
people; it knows beforehand what is to be done, so it looks at nothing and writes nothing down.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from banyan.bootstrap.growing import grow, grower
from banyan.bootstrap.home import Parts
from banyan.domain.people import Placement
from banyan.domain.rooms import RoomKey
from banyan.matrix import Api
from benchmarks import homes
from benchmarks.bare_joins import PATH, BareJoins
from benchmarks.measure import Kind, Pair, Result, Step, alone, compared, in_turns, timed
from benchmarks.parts import Sizes, together
from homeserver.actors import ADMIT
from homeserver.desired import DesiredRoom
from homeserver.gatefile import GateFile
from homeserver.matrix import Matrix
from policies.placement import rooms_of
from policies.rooms import ROOM_KINDS, Join

BATCH = 8
ROUNDS = 3
BARE = {"modules": [{"module": f"{BareJoins.__module__}.{BareJoins.__name__}", "config": {}}]}


async def grow_network(directory: Path, sizes: Sizes, step: Step) -> list[Result]:
    """Everything from new in each round; within one, people join in batches, ours and the peer's in turns."""
    pairs, rooms, writes = [], [], 0
    for number in range(ROUNDS):
        home = directory / f"round-{number}"
        async with homes.started(home / "ours") as ours, homes.started(home / "bare", BARE) as bare:
            async with grower(ours) as growing:
                wanted = growing.desired
            async with _peer(bare, wanted) as peer:
                made = (await in_turns(lambda: timed(grow(ours)), lambda: timed(peer.grow()), 1))[0]
                joins = [await _join_batch(ours, peer, batch) for batch in range(sizes.newcomers // BATCH)]
            writes = max(writes, await _second_apply(ours))
        rooms.append(made)
        pairs.append(
            Pair(
                made.product + sum(pair.product for pair in joins),
                made.peer + sum(pair.peer for pair in joins),
            )
        )
        step(number + 1, ROUNDS)
    size = {"rooms": len(wanted), "people": sizes.newcomers // BATCH * BATCH}
    only_rooms = compared("", Kind.RATIO, 0, rooms, size).aside["ratios"]
    return [
        compared("grow a network", Kind.RATIO, 1.15, pairs, size, rooms_alone=only_rooms),
        alone("second apply", 0, writes, "writes", {"rooms": len(wanted)}),
    ]


async def _join_batch(ours: Parts, peer: "_Peer", number: int) -> Pair:
    names = [f"newcomer-{number}-{each}" for each in range(BATCH)]
    for name in names:
        await homes.register(ours, name)
        await homes.register(peer.parts, name)
    areas = ours.network.areas
    placement = Placement(areas[number % len(areas)].key, themes=frozenset([*ours.network.themes][:1]))
    keys = rooms_of(ours.network, placement)
    secret = ours.home.secret("gate.secret").read_text().strip()
    async with Api(ours.addresses.homeserver, secret) as gate:
        pairs = await in_turns(
            lambda: timed(together(_admit(ours, gate, name, keys) for name in names)),
            lambda: timed(together(peer.admit(name, keys) for name in names)),
            1,
            peer_first=bool(number % 2),
        )
    return pairs[0]


async def _admit(parts: Parts, gate: Api, localpart: str, keys: frozenset[RoomKey]) -> None:
    """What the gate's actor does about its effects `allow` and `admit`."""
    user_id = parts.accounts.member(localpart)
    async with parts.work.reading() as tx:
        room_ids = [room.room_id for room in await tx.rooms.all() if room.key in keys]
    GateFile(parts.home.gate_file).allow(user_id, room_ids)
    answer = await gate.request("POST", ADMIT, body={"user_id": user_id})
    if len(answer["joined"]) != len(keys):
        raise RuntimeError(f"joined {len(answer['joined'])} of {len(keys)} rooms")


async def _second_apply(parts: Parts) -> int:
    """How many requests write when nothing differs."""
    with _counted() as requests:
        await grow(parts)
    if not requests["GET"]:
        raise RuntimeError("no request was counted: apply goes another way now")
    return sum(count for method, count in requests.items() if method != "GET")


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count the requests to the homeserver by their method."""
    requests: Counter[str] = Counter()
    once = Api._once

    async def counting(self: Api, method: str, *rest: Any) -> Any:
        requests[method] += 1
        return await once(self, method, *rest)

    with patch.object(Api, "_once", counting):
        yield requests


class _Peer:
    """The fewest requests that lead to the same rooms with the same people."""

    def __init__(self, parts: Parts, keeper: Matrix, module: Api, wanted: Sequence[DesiredRoom]) -> None:
        self.parts = parts
        self._keeper = keeper
        self._module = module
        self._wanted = {room.key: room for room in wanted}
        self._ids: dict[RoomKey, str] = {}

    async def grow(self) -> None:
        """Make the rooms: those that hang under a space once it is there."""
        for hanging in (False, True):
            await together(
                self._make(room) for room in self._wanted.values() if (room.parent is not None) is hanging
            )

    async def admit(self, localpart: str, keys: frozenset[RoomKey]) -> None:
        """Join one person to all their rooms in one request; spaces first."""
        rooms = [self._wanted[key] for key in keys]
        rooms.sort(key=lambda room: room.parent is not None)
        keeper = self.parts.accounts.keeper
        joins = [
            (
                self._ids[room.key],
                None if ROOM_KINDS[room.declared.kind].join is Join.RESTRICTED else keeper,
            )
            for room in rooms
        ]
        await self._join(self.parts.accounts.member(localpart), joins)

    async def _make(self, room: DesiredRoom) -> None:
        parent_id = self._ids[room.parent] if room.parent is not None else None
        room_id = self._ids[room.key] = await self._keeper.create_room(room.creation(parent_id))
        for user_id in room.seats:
            await self._join(user_id, [(room_id, None)])
        if parent_id is not None:
            await self._keeper.put_state(parent_id, "m.space.child", room.link, room_id)

    async def _join(self, user_id: str, rooms: list[tuple[str, str | None]]) -> None:
        await self._module.request("POST", PATH, body={"user_id": user_id, "rooms": rooms})


@asynccontextmanager
async def _peer(parts: Parts, wanted: Sequence[DesiredRoom]) -> AsyncIterator[_Peer]:
    token = parts.home.secret("keeper.token").read_text().strip()
    url = parts.addresses.homeserver
    async with Matrix(url, token) as keeper, Api(url, None) as module:
        yield _Peer(parts, keeper, module, wanted)
