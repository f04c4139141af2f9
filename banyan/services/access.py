"""What the gate must know: who may be in which room, and which tokens still stand for a name."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import LET_IN, Accounts, MemberStatus
from banyan.domain.rooms import RoomKey
from banyan.network import Network
from banyan.services.ports import Clock, UnitOfWork, Work
from policies.partners import NOBODY, people_by_room
from policies.placement import rooms_now, seats_of


@dataclass(frozen=True)
class LiveToken:
    """A token that may still be used."""

    token_hash: str
    localpart: str
    expires: datetime


@dataclass(frozen=True)
class Projection:
    """Everything the gate must know, computed from the database."""

    allow: frozenset[tuple[str, str]]
    """Pairs of user id and room id."""
    tokens: tuple[LiveToken, ...]
    frozen: frozenset[str]
    """User ids of those who are let in nowhere again."""


async def let_in(tx: UnitOfWork, user_id: str, keys: frozenset[RoomKey]) -> None:
    """Have the gate let somebody into those of the rooms that exist."""
    room_ids = [room.room_id for room in await tx.rooms.all() if room.key in keys]
    payload = {"user_id": user_id, "room_ids": room_ids}
    await tx.outbox.put(NewEffect(Actor.GATE, "allow", payload, lane=user_id))


async def join(tx: UnitOfWork, user_id: str) -> None:
    """Have the gate join somebody to every room it lets them into by then."""
    await tx.outbox.put(NewEffect(Actor.GATE, "admit", {"user_id": user_id}, lane=user_id))


async def leave(tx: UnitOfWork, user_id: str, keys: Collection[RoomKey]) -> str | None:
    """Have the gate take somebody out of those of the rooms that exist, and let them in there no more.

    Return the id of the effect; None when there is no such room.
    """
    room_ids = [room.room_id for room in await tx.rooms.all() if room.key in keys]
    if not room_ids:
        return None
    payload = {"user_id": user_id, "room_ids": room_ids}
    return await tx.outbox.put(NewEffect(Actor.GATE, "expel", payload, lane=user_id))


class Access:
    """The gate's table, kept in step with the rooms that exist."""

    def __init__(self, work: Work, clock: Clock, network: Network, accounts: Accounts) -> None:
        self._work = work
        self._clock = clock
        self._network = network
        self._accounts = accounts

    async def reallow(self, created: Collection[RoomKey] | None = None) -> None:
        """Rooms were made: let in, and join, whoever belongs there. None: look at every room."""
        async with self._work() as tx:
            for member in await tx.members.all(*LET_IN):
                keys = rooms_now(self._network, member.placement)
                if created is not None and keys.isdisjoint(created):
                    continue
                user_id = self._accounts.member(member.localpart)
                await let_in(tx, user_id, keys)
                if member.status is MemberStatus.ADMITTED:
                    await join(tx, user_id)

    async def projection(self) -> Projection:
        """Everything the gate must know.

        Whoever writes it to the gate must let no other effect of the gate run from before this is called
        until it is written: what such an effect wrote in between would be lost.
        """
        async with self._work.reading() as tx:
            standing = await tx.rooms.all()
            members = await tx.members.all(*LET_IN)
            invitations = await tx.invitations.of_invited()
            out = await tx.members.all(MemberStatus.FROZEN)
            cut = await tx.cuts.all()
        people = people_by_room(self._network, self._accounts, members, cut)
        allow = {
            (user_id, room.room_id)
            for room in standing
            for user_id in people.get(room.key, NOBODY) | seats_of(room.kind, self._accounts)
        }
        allow.update((self._accounts.member(each.localpart), each.chat) for each in members if each.chat)
        names = {member.id: member.localpart for member in members}
        now = self._clock.now()
        tokens = [
            LiveToken(one.token_hash, names[one.member_id], one.expires)
            for one in invitations
            if one.expires > now
        ]
        frozen = frozenset(self._accounts.member(member.localpart) for member in out)
        return Projection(frozenset(allow), tuple(tokens), frozen)
