"""The warden at work: it looks at a room and puts back what differs from what is wanted now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from banyan.domain.effects import Effect
from banyan.domain.people import Accounts
from banyan.domain.plan import Change, Seat
from banyan.domain.rooms import Room, RoomKey
from banyan.domain.sight import SeenRoom
from banyan.matrix import MatrixError
from banyan.services.outbox import Handler
from banyan.services.ports import Eye
from banyan.services.reconciling import Changed, Reconciling, Standing
from homeserver.acting import Homeserver
from homeserver.desired import DesiredRoom, StateEvent
from homeserver.reconcile import Loss, People, as_observed, losses, mending, says, thing, under
from homeserver.steps import Recorded, Steps

_PRESENT: Final = ("join", "invite", "knock")

Desired = Callable[[Standing], Mapping[RoomKey, DesiredRoom]]
"""What every room must look like, by our books."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Difference:
    """What differs in one room."""

    changes: Sequence[Change] = ()
    losses: Sequence[Loss] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.losses)


class WardenActor:
    """Handlers of the effects addressed to the warden. All of it can be done twice."""

    def __init__(
        self,
        eye: Eye,
        homeserver: Homeserver,
        accounts: Accounts,
        reconciling: Reconciling,
        desired: Desired,
    ) -> None:
        self._eye = eye
        self._homeserver = homeserver
        self._accounts = accounts
        self._reconciling = reconciling
        self._desired = desired
        self.missed = True
        """A room was not looked at because we stood back: everything has to be looked at once."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"look": self.look}

    async def look(self, effect: Effect) -> Mapping[str, Any]:
        """Put one room right. Result: `{"repaired", "refused"}`, how many things; `{}` for none of ours.

        What is about to happen is written down first: killed in between, the next attempt finds the same
        and does it.
        """
        room_id = effect.payload["room_id"]
        standing = await self._reconciling.standing()
        if standing is None:
            self.missed = True
            return {}
        if room_id not in standing.rooms:
            return {}
        room, seen = standing.rooms[room_id], await self._eye.room(room_id)
        if seen is None:
            await self._reconciling.decide(effect.id, room, (), fatal=[Loss.GONE])
            return {"repaired": 0, "refused": 0}
        there = [user_id for user_id, how in seen.members.items() if how in _PRESENT]
        expected = frozenset(there) - await self._reconciling.strangers(room, there)
        desired = self._desired(standing)
        found = self._difference(desired, standing, seen, expected)
        verdict = await self._reconciling.decide(
            effect.id,
            room,
            [thing(change) for change in found.changes],
            fatal=[loss for loss in found.losses if loss is not Loss.HISTORY],
            told=[loss for loss in found.losses if loss is Loss.HISTORY],
            meant=effect.payload.get("meant", ()),
        )
        changes = found.changes
        if verdict.frozen and not room.frozen:
            standing = standing.silenced(room_id)
            desired = self._desired(standing)
            changes = self._difference(desired, standing, seen, expected).changes
        doing = [change for change in changes if thing(change) not in verdict.left]
        refused = await self._put_right(desired, standing, room, doing)
        if refused and not found.losses:  # of those the staff were told already
            await self._reconciling.refused(room)
        return {"repaired": len(doing) - refused, "refused": refused}

    async def drifted(self, standing: Standing) -> Sequence[str]:
        """Look at everything once; ids of those rooms of our books that are not as they should be."""
        self.missed = False  # before we look: what is missed meanwhile is looked at the next time
        try:
            sight, everybody = await self._eye.look(), await self._reconciling.everybody()
        except BaseException:
            self.missed = True
            raise
        seen = {room.room_id: room for room in sight.rooms}
        desired = self._desired(standing)

        def differs(room: Room) -> bool:
            there = seen.get(room.room_id)
            expected = everybody.get(room.key, frozenset())
            return there is None or bool(self._difference(desired, standing, there, expected))

        return [room.room_id for room in standing.rooms.values() if differs(room)]

    def _difference(
        self,
        desired: Mapping[RoomKey, DesiredRoom],
        standing: Standing,
        seen: SeenRoom,
        expected: frozenset[str],
    ) -> Difference:
        wanted = desired.get(standing.rooms[seen.room_id].key)
        if wanted is None:
            return Difference()  # no longer declared: `apply` archives it
        found, ids = as_observed(seen), standing.ids
        parent_id = ids.get(wanted.parent) if wanted.parent else None
        children = under(desired, wanted.key, ids)
        changes = mending(wanted, found, self._accounts, parent_id, People(expected), children)
        return Difference([*changes], losses(wanted, found, self._accounts))

    async def _put_right(
        self,
        desired: Mapping[RoomKey, DesiredRoom],
        standing: Standing,
        room: Room,
        changes: Sequence[Change],
    ) -> int:
        """How many of the changes were refused: each is tried, for one may open the way to the next."""
        steps = Steps(self._homeserver, self._accounts, desired.values(), standing.ids, record=_unrecorded)
        refused = 0
        for change in changes:
            if isinstance(change, Seat) and change.user_id == self._accounts.warden and not change.invited:
                refused += 1  # only the keeper asks it in
                continue
            try:
                await steps.do(change)
            except MatrixError:  # whatever the reason: the next thing may still be put right
                refused += 1
        if changes:
            log.info("room-put-right", room=room.key, things=len(changes) - refused, refused=refused)
        return refused


def asks_for(
    desired: Mapping[RoomKey, DesiredRoom],
) -> Callable[[Room, Mapping[RoomKey, str], Changed], bool]:
    """Return the question whether a network file asks for what the homeserver tells of."""

    def asked(room: Room, ids: Mapping[RoomKey, str], changed: Changed) -> bool:
        wanted = desired.get(room.key)
        if wanted is None:
            return True
        parent_id = ids.get(wanted.parent) if wanted.parent else None
        event = StateEvent(changed.type, changed.content, changed.state_key)
        return says(wanted, event, parent_id, under(desired, room.key, ids))

    return asked


async def _unrecorded(_: Recorded) -> None:
    """Repairs are written down before they are made."""
