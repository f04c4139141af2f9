"""Whether a room is to be looked at, what our books say of it, and when repairing becomes a fight.

The homeserver tells of every change; nearly all of them are as they should be, and cost nothing but a
question to our own books. What is left makes the warden look at that one room.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from banyan.domain.log import Action, NewEntry
from banyan.domain.people import LET_IN, Accounts, Member
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.errors import NotFound
from banyan.network import Network
from banyan.services.fights import WITHIN, weigh
from banyan.services.looking import Powers, look, meant_now, powers
from banyan.services.ports import Clock, UnitOfWork, Work
from banyan.services.vigil import warn
from policies.partners import guests_now, people_by_room, server_of
from policies.placement import rooms_now, seats_of
from policies.rooms import power_levels

NETWORK: Final = "network"
"""Under which the last network file that was applied wholly is noted."""

EVERYTHING: Final = "*"
"""Among what is `meant`: all that differs is set because somebody of ours says so."""

REFUSED: Final = "room-not-repaired"
NOT_APPLIED: Final = "network-not-applied"
_BY: Final = "service:reconciler"


@dataclass(frozen=True)
class Changed:
    """A state event of a room, as the homeserver told."""

    room_id: str
    type: str
    state_key: str
    sender: str
    content: Mapping[str, Any] = field(default_factory=dict)


Says = Callable[[Room, Mapping[RoomKey, str], Changed], bool]
"""Whether the network file asks for exactly that. Given the ids of the rooms in our books."""


@dataclass(frozen=True)
class Standing:
    """What our books say of the rooms."""

    rooms: Mapping[str, Room]
    """By room id."""
    powers: Powers = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    """Partner servers that are cut off."""

    @property
    def ids(self) -> Mapping[RoomKey, str]:
        """Ids by key."""
        return {room.key: room_id for room_id, room in self.rooms.items()}

    @property
    def frozen(self) -> frozenset[RoomKey]:
        """Keys of the rooms that are frozen."""
        return frozenset(room.key for room in self.rooms.values() if room.frozen)

    def silenced(self, room_id: str) -> "Standing":
        """The same with that room frozen."""
        room = replace(self.rooms[room_id], frozen=True)
        return replace(self, rooms={**self.rooms, room_id: room})


@dataclass(frozen=True)
class Verdict:
    """What is to be done about a room that differs."""

    frozen: bool
    """It is frozen, as of now."""
    left: frozenset[str] = frozenset()
    """Things that are not put right any more: somebody undoes it every time."""


def digest_of(network: Network) -> str:
    """Hex SHA-256 of what a network file says. Comments and the order of keys do not count."""
    return sha256(json.dumps(network.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


class Reconciling:
    """The reconciler's side of the books."""

    def __init__(self, work: Work, clock: Clock, network: Network, accounts: Accounts, says: Says) -> None:
        self._work = work
        self._clock = clock
        self._network = network
        self._accounts = accounts
        self._says = says
        self._digest = digest_of(network)
        self._words = {"member", *power_levels(RoomKind.TALK, accounts)["events"]}
        """What the log may say of a repair: a type of state is whatever somebody wrote."""

    # hearing

    async def changed(self, tx: UnitOfWork, changes: Collection[Changed]) -> None:
        """Have the warden look at each room in which one of these is not as it should be."""
        if not changes:
            return
        rooms = {room.room_id: room for room in await tx.rooms.all()}
        ids = {room.key: room.room_id for room in rooms.values()}
        known: dict[str, Member | None] = {}
        odd: dict[str, None] = {}
        for change in changes:
            room = rooms.get(change.room_id)
            if room is None or room.room_id in odd:
                continue  # half made, or none of ours
            if not await self._fine(tx, room, ids, change, known):
                odd[room.room_id] = None
        for room_id in odd:
            await look(tx, room_id)

    async def _fine(
        self,
        tx: UnitOfWork,
        room: Room,
        ids: Mapping[RoomKey, str],
        change: Changed,
        known: dict[str, Member | None],
    ) -> bool:
        if change.type == "m.room.redaction":
            # who holds no role redacts their own words only; partners' people hold none, and are many
            if server_of(change.sender) != self._accounts.server_name:
                return True
            sender = await self._member(tx, change.sender, known)
            return sender is not None and not sender.placement.roles
        if change.type != "m.room.member":
            return self._says(room, ids, change)
        who, here = change.state_key, change.content.get("membership") in ("join", "invite", "knock")
        if who in self._accounts.all:
            seats = {self._accounts.warden, *seats_of(room.kind, self._accounts)}
            return who == self._accounts.keeper or here == (who in seats)
        return not here or await self._belongs(tx, room, who, known)

    async def _belongs(
        self, tx: UnitOfWork, room: Room, user_id: str, known: dict[str, Member | None]
    ) -> bool:
        member = await self._member(tx, user_id, known)
        if member is None:
            return user_id in guests_now(self._network, room.key, await tx.cuts.all())
        return member.status in LET_IN and room.key in rooms_now(self._network, member.placement)

    async def _member(self, tx: UnitOfWork, user_id: str, known: dict[str, Member | None]) -> Member | None:
        if user_id not in known:
            localpart = self._accounts.localpart(user_id)
            known[user_id] = await tx.members.by_localpart(localpart) if localpart else None
        return known[user_id]

    # standing back

    async def back(self) -> bool:
        """Whether another network file than ours is applied: putting ours back would be a fight with it."""
        async with self._work.reading() as tx:
            return not await self.is_applied(tx)

    async def is_applied(self, tx: UnitOfWork) -> bool:
        """Whether the network file that was applied last is ours."""
        return await tx.noted.get(NETWORK) == self._digest

    async def applied(self) -> None:
        """Our network file is applied wholly."""
        if await self.back():  # the second `apply` of a file writes nothing
            async with self._work() as tx:
                await tx.noted.set(NETWORK, self._digest)

    async def tell_back(self) -> None:
        """Tell the security staff that nothing is put right for now."""
        async with self._work() as tx:
            await warn(tx, NOT_APPLIED)

    # one room

    async def standing(self) -> Standing | None:
        """What our books say of the rooms; None while we stand back."""
        async with self._work.reading() as tx:
            if not await self.is_applied(tx):
                return None
            rooms = {room.room_id: room for room in await tx.rooms.all()}
            return Standing(rooms, await powers(tx, self._network, self._accounts), await tx.cuts.all())

    async def everybody(self) -> Mapping[RoomKey, frozenset[str]]:
        """See the function of that name."""
        async with self._work.reading() as tx:
            return await everybody(tx, self._network, self._accounts)

    async def strangers(self, room: Room, user_ids: Iterable[str]) -> frozenset[str]:
        """Those who have no business in the room, of people who are there or could be at once."""
        known: dict[str, Member | None] = {}
        async with self._work.reading() as tx:
            others = [user_id for user_id in user_ids if user_id not in self._accounts.all]
            return frozenset([who for who in others if not await self._belongs(tx, room, who, known)])

    async def decide(
        self,
        effect_id: str,
        room: Room,
        things: Sequence[str],
        *,
        fatal: Sequence[str] = (),
        told: Sequence[str] = (),
        meant: Collection[str] = (),
    ) -> Verdict:
        """Write down what is about to be put right, before it is. Repeated after a crash, it writes nothing.

        `fatal` are reasons to freeze the room, `told` reasons that are only told, `meant` as in `look`.
        """
        things, now = _unmeant(dict.fromkeys(things), meant), self._clock.now()
        if not (things or fatal or told):
            return Verdict(room.frozen)
        async with self._work() as tx:
            things = _unmeant(things, await meant_now(tx, room.room_id))
            marks = {each: f"look:{effect_id}:{each}" for each in (*things, *told)}
            new = {each for each, mark in marks.items() if await tx.answered.first(mark, now)}
            before = await tx.repairs.count(room.room_id, now - WITHIN)
            weighed = weigh(things, new, before, own=self._words)
            reasons = [*fatal, *([weighed.reason] if weighed.reason else [])]
            freezes = bool(reasons) and not room.frozen
            if noted := [each for each in things if each in new and each not in weighed.left]:
                await tx.repairs.add(room.room_id, noted, now)
                await self._log(tx, room, changes=",".join(dict.fromkeys(map(self._kind, noted))))
            for reason in (each for each in told if each in new):
                await warn(tx, reason, room=room.key)
            if freezes:
                await tx.rooms.set_frozen(room.key, frozen=True)
            for reason in await self._untold(tx, room, reasons if freezes else fatal):
                await self._log(tx, room, reason)
                await warn(tx, reason, room=room.key)
        return Verdict(room.frozen or freezes, weighed.left)

    async def _untold(self, tx: UnitOfWork, room: Room, reasons: Sequence[str]) -> Sequence[str]:
        """Those that staff were not told since it was frozen: a silenced room may lose more."""
        note = f"frozen-for:{room.room_id}"
        known = (await tx.noted.get(note) or "").split() if room.frozen else []
        new = [each for each in reasons if each not in known]
        if new:
            await tx.noted.set(note, " ".join([*known, *new]))
        return new

    async def refused(self, room: Room) -> None:
        """The warden may not put the room right: tell the security staff, once an hour."""
        now = self._clock.now()
        async with self._work() as tx:
            if await tx.answered.first(f"refused:{room.room_id}:{now:%Y%m%d%H}", now):
                await self._log(tx, room, REFUSED)
                await warn(tx, REFUSED, room=room.key)

    async def ask(self, room_ids: Collection[str]) -> None:
        """Have the warden look at these rooms."""
        async with self._work() as tx:
            for room_id in room_ids:
                await look(tx, room_id)

    def _kind(self, thing: str) -> str:
        """What the log says of a repair: somebody's membership, not whose; no word that is not ours."""
        kind = thing.partition(":")[0]
        return kind if kind in self._words else "other"

    async def _log(self, tx: UnitOfWork, room: Room, reason: str = "", **details: str) -> None:
        await tx.log.append(NewEntry(Action.ROOM_CHANGED, _BY, room.key, reason=reason, details=details))


async def thaw(tx: UnitOfWork, key: RoomKey, *, by: str) -> bool:
    """Let people speak in a room again. False when it is not frozen. Raise `NotFound` without such a room.

    What froze it is forgotten, and all that was left as it was is set right without being counted; what
    cannot be undone freezes it again at once.
    """
    room = await tx.rooms.get(key)
    if room is None:
        raise NotFound("There is no room of that key; `banyan room list` shows them.")
    if not room.frozen:
        return False
    await tx.rooms.set_frozen(key, frozen=False)
    await tx.repairs.clear(room.room_id)
    await tx.log.append(NewEntry(Action.ROOM_CHANGED, by, key, reason="thawed"))
    await look(tx, room.room_id, meant={EVERYTHING})
    return True


def _unmeant(things: Iterable[str], meant: Collection[str]) -> list[str]:
    return [] if EVERYTHING in meant else [each for each in things if each not in meant]


async def everybody(tx: UnitOfWork, network: Network, accounts: Accounts) -> Mapping[RoomKey, frozenset[str]]:
    """Room → user ids of all who may be there, beside our own accounts."""
    return people_by_room(network, accounts, await tx.members.all(*LET_IN), await tx.cuts.all())
