"""Partner servers: whom we speak with, who of them is in the joint rooms, and how all of it ends at a word.

What is decided is written down with its effects. Cutting off goes in the order that was measured: people out,
the rooms shut to the server, the list of servers we speak with without it, the homeserver started anew.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from banyan.domain.effects import Actor, EffectState, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.people import Accounts
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.errors import NotFound
from banyan.network import Network
from banyan.services.ports import Clock, Ids, UnitOfWork, Work
from policies.partners import guests_now, partner_of, rooms_with, server_acl, server_of, servers_of

SPEAKS_WITH: Final = "federation"
"""Under which it is noted what the running homeserver was started with: server names, as JSON."""

_GUESTS: Final = "guests"
"""Under which it is noted who was let in, as JSON: room id → user ids."""

_LANE: Final = "partners"
"""Of bans and of what rooms refuse: two cuts after another must not end with what the first one knew."""


class Guest(NamedTuple):
    """Somebody on a partner server, in one room."""

    room_id: str
    user_id: str


@dataclass(frozen=True)
class Partner:
    """A partner's server as it stands."""

    partner: str
    """Key of the network file."""
    server: str
    cut: bool
    rooms: tuple[RoomKey, ...]
    """Joint rooms made for it."""
    people: int
    """How many of it the network file names."""


@dataclass(frozen=True)
class Step:
    """One step of cutting off or readmitting, and how far it is."""

    name: str
    """`withdraw`, `ban`, `acl`, `federate`, `allow` or `invite`."""
    room: RoomKey | None
    state: EffectState
    seconds: float | None
    """From its first attempt to its end."""
    result: Mapping[str, int | bool]


class Partners:
    """Follows the network file, but for the servers that are cut off."""

    def __init__(self, work: Work, clock: Clock, ids: Ids, *, network: Network, accounts: Accounts) -> None:
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._own = accounts.server_name

    async def list(self) -> Sequence[Partner]:
        """Every partner that has a server, in the order of the file."""
        async with self._work.reading() as tx:
            cut = await tx.cuts.all()
        servers = (each.server for each in self._network.partners.values())
        return [self._partner(server, cut) for server in servers if server]

    async def servers(self) -> frozenset[str]:
        """Names of the servers to be spoken with now."""
        async with self._work.reading() as tx:
            return servers_of(self._network, await tx.cuts.all())

    async def started(self, servers: Collection[str]) -> None:
        """The homeserver runs, and speaks with these."""
        async with self._work() as tx:
            await tx.noted.set(SPEAKS_WITH, json.dumps(sorted(servers)))

    async def settle(self) -> None:
        """The rooms are what the network file says: speak with whom it declares, invite and remove guests.

        Nothing is written when nothing differs.
        """
        async with self._work() as tx:
            cut = await tx.cuts.all()
            there, wanted = await _noted(tx), await self._wanted(tx, cut)
            last = await self._remove(tx, there - wanted)
            speaks_with = await tx.noted.get(SPEAKS_WITH)
            if speaks_with and frozenset(json.loads(speaks_with)) != servers_of(self._network, cut):
                last = await self._federate(tx, after=last)
            await _invite(tx, wanted - there, after=last)
            if there != wanted:
                await _note(tx, wanted)

    async def cut(self, tx: UnitOfWork, server: str, *, by: str) -> str:
        """Cut a partner's server off. Return the subject of the effects, for `times`.

        Asked again, it does again whatever an earlier attempt may have left. Raise `NotFound`.
        """
        partner = self._partner(server)
        if await tx.cuts.add(server, self._clock.now()):
            await tx.log.append(NewEntry(Action.PARTNER_CUT, by, f"partner:{partner.partner}"))
        subject = f"partner:{self._ids.opaque()}"
        there, declared = await _noted(tx), await self._wanted(tx, cut=())
        gone = {guest for guest in there | declared if server_of(guest.user_id) == server}
        await _withdraw(tx, gone, subject)
        rooms = await _joint_rooms(tx)
        for room in rooms:
            payload = {"room_id": room.room_id, "server": server}
            await tx.outbox.put(NewEffect(Actor.WARDEN, "ban", payload, lane=_LANE, subject=subject))
        last = await self._shut(tx, rooms, subject)
        await self._federate(tx, subject, after=last)
        await _note(tx, there - gone)
        return subject

    async def readmit(self, tx: UnitOfWork, server: str, *, by: str) -> str:
        """Speak with a partner's server again and invite its people. As `cut`."""
        partner = self._partner(server)
        if await tx.cuts.remove(server):
            await tx.log.append(NewEntry(Action.PARTNER_READMITTED, by, f"partner:{partner.partner}"))
        subject = f"partner:{self._ids.opaque()}"
        heard = await self._federate(tx, subject)
        last = await self._shut(tx, await _joint_rooms(tx), subject, after=heard)
        wanted = await self._wanted(tx, await tx.cuts.all())
        theirs = {guest for guest in wanted if server_of(guest.user_id) == server}
        await _invite(tx, theirs, subject, after=last)
        await _note(tx, await _noted(tx) | theirs)
        return subject

    async def times(self, subject: str) -> Sequence[Step]:
        """The steps in their order, and how far each is."""
        async with self._work.reading() as tx:
            rooms = {room.room_id: room.key for room in await tx.rooms.all()}
            effects = await tx.outbox.of_subject(subject)
        return [
            Step(
                each.kind,
                rooms.get(each.payload.get("room_id", "")),
                each.state,
                (each.done - each.first_attempt).total_seconds()
                if each.done and each.first_attempt
                else None,
                each.result,
            )
            for each in effects
        ]

    async def get(self, server: str) -> Partner:
        """The partner on a server. Raise `NotFound`."""
        async with self._work.reading() as tx:
            return self._partner(server, await tx.cuts.all())

    def _partner(self, server: str, cut: Collection[str] = ()) -> Partner:
        key = partner_of(self._network, server)
        if key is None:
            known = sorted(each.server for each in self._network.partners.values() if each.server)
            raise NotFound(
                f"The network file has no partner on {server}. Its servers: {', '.join(known) or 'none'}. "
                "If that one was removed from the file, `banyan apply` ends all speech with it."
            )
        people = self._network.partners[key].people
        return Partner(key, server, server in cut, rooms_with(self._network, server), len(people))

    async def _wanted(self, tx: UnitOfWork, cut: Collection[str]) -> frozenset[Guest]:
        return frozenset(
            Guest(room.room_id, user_id)
            for room in await _joint_rooms(tx)
            for user_id in guests_now(self._network, room.key, cut)
        )

    async def _remove(self, tx: UnitOfWork, guests: Collection[Guest]) -> str | None:
        """Take people out who are declared no more. The id of the last effect."""
        await _withdraw(tx, guests)
        standing = {room.room_id for room in await _joint_rooms(tx)}
        last = None
        for guest in sorted(guests):
            if guest.room_id in standing:
                effect = NewEffect(Actor.WARDEN, "kick", guest._asdict(), lane=guest.user_id)
                last = await tx.outbox.put(effect)
        return last

    async def _shut(
        self, tx: UnitOfWork, rooms: Iterable[Room], subject: str, *, after: str | None = None
    ) -> str | None:
        """Have every joint room accept events of the right servers only. The id of the last effect."""
        cut = await tx.cuts.all()
        for room in rooms:
            content = server_acl(self._network, room.key, self._own, cut)
            payload = {"room_id": room.room_id, "content": content}
            effect = NewEffect(Actor.WARDEN, "acl", payload, lane=_LANE, subject=subject, after=after)
            after = await tx.outbox.put(effect)
        return after

    async def _federate(self, tx: UnitOfWork, subject: str | None = None, *, after: str | None = None) -> str:
        """Have the homeserver speak with the declared servers, less those that are cut off by then."""
        payload = {"servers": sorted(servers_of(self._network))}
        effect = NewEffect(Actor.OPERATOR, "federate", payload, lane=_LANE, subject=subject, after=after)
        return await tx.outbox.put(effect)


async def _joint_rooms(tx: UnitOfWork) -> list[Room]:
    return [room for room in await tx.rooms.all() if room.kind is RoomKind.JOINT]


async def _noted(tx: UnitOfWork) -> frozenset[Guest]:
    noted: Mapping[str, Sequence[str]] = json.loads(await tx.noted.get(_GUESTS) or "{}")
    return frozenset(Guest(room_id, user_id) for room_id, users in noted.items() for user_id in users)


async def _note(tx: UnitOfWork, guests: Collection[Guest]) -> None:
    by_room: dict[str, list[str]] = {}
    for guest in sorted(guests):
        by_room.setdefault(guest.room_id, []).append(guest.user_id)
    await tx.noted.set(_GUESTS, json.dumps(by_room))


async def _withdraw(tx: UnitOfWork, guests: Iterable[Guest], subject: str | None = None) -> None:
    for user_id, room_ids in _by_user(guests).items():
        payload = {"user_id": user_id, "room_ids": room_ids}
        await tx.outbox.put(NewEffect(Actor.GATE, "withdraw", payload, lane=user_id, subject=subject))


async def _invite(
    tx: UnitOfWork, guests: Iterable[Guest], subject: str | None = None, *, after: str | None
) -> None:
    for user_id, room_ids in _by_user(guests).items():
        payload = {"user_id": user_id, "room_ids": room_ids}
        allowed = await tx.outbox.put(
            NewEffect(Actor.GATE, "allow", payload, lane=user_id, subject=subject, after=after)
        )
        for room_id in room_ids:
            asked = Guest(room_id, user_id)._asdict()
            effect = NewEffect(Actor.WARDEN, "invite", asked, lane=user_id, subject=subject, after=allowed)
            await tx.outbox.put(effect)


def _by_user(guests: Iterable[Guest]) -> dict[str, list[str]]:
    rooms: dict[str, list[str]] = {}
    for guest in sorted(guests):
        rooms.setdefault(guest.user_id, []).append(guest.room_id)
    return rooms
