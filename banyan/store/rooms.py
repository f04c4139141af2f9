"""The declared rooms that exist on the homeserver."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.store.tables import rooms


class SqlRooms:
    """`ports.Rooms`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, room: Room) -> None:
        """Remember a room; what was known under its key is replaced."""
        await self.remove(room.key)
        await self._connection.execute(
            rooms.insert().values(
                key=room.key,
                room_id=room.room_id,
                kind=room.kind.value,
                area=room.area,
                language=room.language,
                frozen=room.frozen,
            )
        )

    async def all(self) -> Sequence[Room]:
        """Every room, by key."""
        return [_room(row) for row in await self._connection.execute(select(rooms).order_by(rooms.c.key))]

    async def get(self, key: RoomKey) -> Room | None:
        """The room with that key."""
        return await self._one(rooms.c.key == key)

    async def by_id(self, room_id: str) -> Room | None:
        """The room with that Matrix id."""
        return await self._one(rooms.c.room_id == room_id)

    async def set_frozen(self, key: RoomKey, *, frozen: bool) -> None:
        """Silence a room, or let people speak there again."""
        await self._connection.execute(update(rooms).where(rooms.c.key == key).values(frozen=frozen))

    async def remove(self, key: RoomKey) -> None:
        """Forget a room; nothing happens when there is none."""
        await self._connection.execute(delete(rooms).where(rooms.c.key == key))

    async def _one(self, where: ColumnElement[bool]) -> Room | None:
        row = (await self._connection.execute(select(rooms).where(where))).one_or_none()
        return None if row is None else _room(row)


def _room(row: Row[Any]) -> Room:
    return Room(RoomKey(row.key), row.room_id, RoomKind(row.kind), row.area, row.language, row.frozen)
