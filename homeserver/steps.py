"""One step at a time: how each kind of change is done.

The keeper makes rooms; the warden does everything else.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Final

from banyan.domain.log import Action
from banyan.domain.people import Accounts
from banyan.domain.plan import (
    ArchiveRoom,
    Change,
    ClearState,
    CreateRoom,
    Expel,
    ForgetRoom,
    KeeperLeaves,
    LinkChild,
    NoteRoom,
    PurgeRoom,
    Seat,
    SetState,
    Unseat,
)
from banyan.domain.rooms import Room, RoomKey
from banyan.matrix import MatrixError
from homeserver.acting import Homeserver
from homeserver.desired import DesiredRoom, StateEvent
from homeserver.reconcile import emptied

_FORBIDDEN: Final = 403


@dataclass(frozen=True)
class Recorded:
    """What our books and the log are to remember of one room."""

    action: Action
    """ROOM_CREATED, ROOM_CHANGED or ROOM_ARCHIVED."""
    key: RoomKey
    room_id: str
    room: Room | None = None
    """The row for our books; None for a room that is gone."""
    what: tuple[str, ...] = ()
    """Of a changed room: which changes, by their words and types."""


Record = Callable[[Recorded], Awaitable[None]]


class Steps:
    """Does the changes of one plan. `found` are the ids of the declared rooms that exist."""

    def __init__(
        self,
        homeserver: Homeserver,
        accounts: Accounts,
        desired: Iterable[DesiredRoom],
        found: Mapping[RoomKey, str],
        *,
        record: Record,
    ) -> None:
        self._homeserver = homeserver
        self._accounts = accounts
        self._desired = {room.key: room for room in desired}
        self._ids = dict(found)
        self._record = record

    def hangs(self, key: RoomKey) -> bool:
        """Whether the room hangs under a space, whose id it needs."""
        return self._desired[key].parent is not None

    async def remember_changed(self, key: RoomKey, what: tuple[str, ...]) -> None:
        """Have it written down that a room was changed."""
        await self._remember(Action.ROOM_CHANGED, key, what)

    @singledispatchmethod
    async def do(self, change: Change) -> None:
        """Do one change. Raises as `Homeserver` and as `record`."""
        raise TypeError(change.word)

    @do.register
    async def _create(self, change: CreateRoom) -> None:
        wanted = self._desired[change.key]
        body = wanted.creation(self._parent_id(wanted))
        self._ids[change.key] = await self._homeserver.create_room(self._accounts.keeper, body)

    @do.register
    async def _note(self, change: NoteRoom) -> None:
        await self._remember(Action.ROOM_CREATED if change.new else Action.ROOM_CHANGED, change.key)

    @do.register
    async def _seat(self, change: Seat) -> None:
        room_id, accounts = self._ids[change.key], self._accounts
        if not change.invited:
            host = accounts.keeper if change.user_id == accounts.warden else accounts.warden
            await self._homeserver.invite(host, room_id, change.user_id)
        if change.user_id in accounts.speakers:
            await self._homeserver.allow(change.user_id, room_id)
        await self._homeserver.join(change.user_id, room_id)

    @do.register(Unseat | Expel)
    async def _put_out(self, change: Unseat | Expel) -> None:
        await self._homeserver.kick(self._accounts.warden, self._ids[change.key], change.user_id)

    @do.register
    async def _set_state(self, change: SetState) -> None:
        wanted = self._desired[change.key]
        state = wanted.state(self._parent_id(wanted))
        await self._set(self._ids[change.key], next(event for event in state if event.type == change.type))

    @do.register
    async def _clear_state(self, change: ClearState) -> None:
        await self._set(self._ids[change.key], emptied(change))

    @do.register
    async def _link(self, change: LinkChild) -> None:
        child = StateEvent("m.space.child", self._desired[change.key].link, self._ids[change.key])
        await self._set(self._ids[change.space], child)

    @do.register
    async def _let_keeper_go(self, change: KeeperLeaves) -> None:
        await self._homeserver.leave(self._accounts.keeper, self._ids[change.key])

    @do.register
    async def _purge(self, change: PurgeRoom) -> None:
        await self._homeserver.delete_room(change.room_id)

    @do.register
    async def _archive(self, change: ArchiveRoom) -> None:
        if change.space_id is not None:
            await self._set(change.space_id, StateEvent("m.space.child", {}, change.room_id))
        await self._homeserver.delete_room(change.room_id)
        await self._record(Recorded(Action.ROOM_ARCHIVED, change.key, change.room_id))

    @do.register
    async def _forget(self, change: ForgetRoom) -> None:
        await self._record(Recorded(Action.ROOM_ARCHIVED, change.key, change.room_id))

    async def _set(self, room_id: str, event: StateEvent) -> None:
        """Set state as the warden; where somebody was raised to its level, only the creator can."""
        homeserver, warden, keeper = self._homeserver, self._accounts.warden, self._accounts.keeper
        try:
            await homeserver.put_state(warden, room_id, event.type, event.content, event.state_key)
        except MatrixError as error:
            if error.status != _FORBIDDEN or not homeserver.can_act_as(keeper):
                raise
            if room_id not in await homeserver.joined_rooms(keeper):
                await homeserver.invite(warden, room_id, keeper)
                await homeserver.join(keeper, room_id)
            # the next look finds it here and lets it go
            await homeserver.put_state(keeper, room_id, event.type, event.content, event.state_key)

    def _parent_id(self, wanted: DesiredRoom) -> str | None:
        return self._ids[wanted.parent] if wanted.parent is not None else None

    async def _remember(self, action: Action, key: RoomKey, what: tuple[str, ...] = ()) -> None:
        room = self._desired[key].room(self._ids[key])
        await self._record(Recorded(action, key, room.room_id, room, what))
