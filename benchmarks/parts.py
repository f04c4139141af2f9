"""What is measured upon: a bare Synapse with people and encrypted rooms in it.

The people are accounts of an application service with real device keys and no client behind them: whoever
writes to them has the same work as with phones.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from banyan.progress import Steps
from benchmarks.measure import Step
from bots.client import Api, register
from tests.live.bare_synapse import BareSynapse, bare_synapse
from tests.live.crowd import Person, crowd

AT_ONCE = 4
HOST = "b_host"
ONE_TIME_KEYS = 40
"""Each device of a speaker, ours or the peer's, uses up one of every person's."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    rounds: int
    rooms: int
    members: int
    """In each of the rooms."""
    devices: int
    """In the one big room."""
    chats: int
    newcomers: int
    """Who join the network that is grown."""
    audit_rooms: int
    audit_people: int


FULL = Sizes(
    rounds=5, rooms=30, members=60, devices=600, chats=300, newcomers=200, audit_rooms=100, audit_people=3500
)
QUICK = Sizes(
    rounds=3, rooms=8, members=12, devices=60, chats=20, newcomers=8, audit_rooms=10, audit_people=100
)
WHOLE_NETWORK = 3500
"""Members who each have a chat with the desk."""


@dataclass(frozen=True)
class Place:
    """A room and the people in it, speakers not counted."""

    room_id: str
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Stage:
    """The running homeserver, its people and their rooms."""

    synapse: BareSynapse
    directory: Path
    service: Api
    """Acts for any of the accounts: `params={"user_id": …}`."""
    rooms: tuple[Place, ...]
    big: Place | None
    people: tuple[Person, ...]

    async def join(self, user_id: str, room_id: str) -> None:
        """Let an account into a room."""
        await self.service.request("POST", "/join/{}", room_id, body={}, params={"user_id": user_id})

    async def leave(self, user_id: str, room_id: str) -> None:
        """Have an account leave a room."""
        await self.service.request("POST", "/rooms/{}/leave", room_id, body={}, params={"user_id": user_id})


@asynccontextmanager
async def stage(
    directory: Path, sizes: Sizes, steps: Steps, *, rooms: bool, big: bool
) -> AsyncIterator[Stage]:
    """Build it; a few minutes in full size. Person n is in rooms such that each is in about three."""
    async with bare_synapse(directory / "synapse") as synapse, Api(synapse.url, synapse.as_token) as service:
        steps.say("a bare Synapse has started")
        await register(homeserver_url=synapse.url, as_token=synapse.as_token, localpart=HOST)
        many = max(sizes.devices if big else 0, sizes.rooms * sizes.members // 3 if rooms else 0)
        people = tuple(await crowd(synapse, many, one_time_keys=ONE_TIME_KEYS))
        steps.say(f"{len(people)} people have devices")
        small = [
            Place(
                await _room(service, synapse),
                tuple(people[(n * sizes.members + k) % many] for k in range(sizes.members)),
            )
            for n in range(sizes.rooms if rooms else 0)
        ]
        large = Place(await _room(service, synapse), people[: sizes.devices]) if big else None
        built = Stage(synapse, directory, service, tuple(small), large, people)
        await _fill(built, steps)
        yield built


async def together(jobs: Iterable[Coroutine[Any, Any, Any]], step: Step | None = None) -> None:
    """Run jobs, `AT_ONCE` at a time."""
    waiting, done = list(jobs), 0
    limit = asyncio.Semaphore(AT_ONCE)

    async def run(job: Coroutine[Any, Any, Any]) -> None:
        nonlocal done
        async with limit:
            await job
        done += 1
        if step:
            step(done, len(waiting))

    await asyncio.gather(*(run(job) for job in waiting))


async def _fill(built: Stage, steps: Steps) -> None:
    """Let everybody in, room by room in turns: Synapse lets joins of one room wait for each other."""
    places: Sequence[Place] = [*built.rooms, *([built.big] if built.big else [])]
    seats = [
        (place.people[k].user_id, place.room_id)
        for k in range(max((len(place.people) for place in places), default=0))
        for place in places
        if k < len(place.people)
    ]
    steps.started(len(seats))
    await together(
        (built.join(user_id, room_id) for user_id, room_id in seats),
        lambda done, _: steps.step(done, "joins"),
    )
    steps.finished()
    steps.say(f"{len(places)} encrypted rooms, {len(seats)} joins")


async def _room(service: Api, synapse: BareSynapse) -> str:
    body = {
        "preset": "public_chat",
        "initial_state": [
            {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}},
            {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
        ],
    }
    params = {"user_id": synapse.user(HOST)}
    return str((await service.request("POST", "/createRoom", body=body, params=params))["room_id"])
