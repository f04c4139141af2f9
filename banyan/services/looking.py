"""Having the warden look at rooms, and what roles give people there."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from hashlib import sha256

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Accounts, Placement
from banyan.domain.rooms import RoomKey
from banyan.network import Network
from banyan.services.ports import UnitOfWork
from policies.placement import powers_now

POWER = "m.room.power_levels"

Powers = Mapping[RoomKey, Mapping[str, int]]
"""Room → user id → level, of people whose roles give them one."""


async def look(
    tx: UnitOfWork, room_id: str, *, meant: Collection[str] = (), after: str | None = None
) -> None:
    """Have the warden compare a room with what is wanted now, and put right what differs.

    `meant` are types of state that differ because we decided so: setting them is no repair. `after` is the
    id of an effect that has to have ended first; should it never end, other looks at that room go on.
    """
    payload, lane = {"room_id": room_id, "meant": sorted(meant)}, _waiting(room_id) if after else room_id
    await tx.outbox.put(NewEffect(Actor.WARDEN, "look", payload, lane=lane, after=after))


def person(user_id: str) -> str:
    """How repairs of somebody's membership are counted: they are not named."""
    return f"member:{sha256(user_id.encode()).hexdigest()[:16]}"


async def meant_now(tx: UnitOfWork, room_id: str) -> frozenset[str]:
    """What differs because we decided so.

    That is what looks still to come are meant to set, and whom the gate is about to take out: many who are
    frozen at once must not silence their rooms.
    """
    coming = [
        *await tx.outbox.queued(Actor.WARDEN, room_id),
        *await tx.outbox.queued(Actor.WARDEN, _waiting(room_id)),
    ]
    kinds = {kind for each in coming for kind in each.payload.get("meant", ())}
    leaving = [each.payload for each in await tx.outbox.queued_of(Actor.GATE, "expel")]
    here = (each for each in leaving if each["room_ids"] is None or room_id in each["room_ids"])
    return frozenset(kinds | {person(each["user_id"]) for each in here})


def _waiting(room_id: str) -> str:
    """Lane of looks that wait for something else."""
    return f"{room_id} waiting"


async def set_powers(
    tx: UnitOfWork, network: Network, *placements: Placement, after: str | None = None
) -> None:
    """Have levels set anew in every room where one of these placements gives any: a role came or went."""
    keys = {key for placement in placements for key in powers_now(network, placement)}
    for room in await tx.rooms.all() if keys else ():
        if room.key in keys:
            await look(tx, room.room_id, meant={POWER}, after=after)


async def powers(tx: UnitOfWork, network: Network, accounts: Accounts) -> Powers:
    """What roles give to those who hold them."""
    levels: defaultdict[RoomKey, dict[str, int]] = defaultdict(dict)
    for member in await tx.members.with_roles():
        for key, level in powers_now(network, member.placement).items():
            levels[key][accounts.member(member.localpart)] = level
    return levels
