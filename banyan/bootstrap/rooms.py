"""What the operator asks about rooms on the machine."""

from typing import Any

from banyan.bootstrap.home import open_home
from banyan.bootstrap.waiting import must_exist
from banyan.domain.rooms import RoomKey
from banyan.services.reconciling import thaw as let_speak
from banyan.settings import Home


async def list_rooms(home: Home) -> list[dict[str, Any]]:
    """Every room in our books, and whether it is frozen."""
    must_exist(home)
    async with open_home(home) as parts, parts.work.reading() as tx:
        return [
            {"key": room.key, "kind": room.kind.value, "area": room.area, "frozen": room.frozen}
            for room in await tx.rooms.all()
        ]


async def thaw(home: Home, key: str) -> bool:
    """Let people speak in a frozen room again. False when it is not frozen."""
    must_exist(home)
    async with open_home(home) as parts, parts.work() as tx:
        return await let_speak(tx, RoomKey(key), by="operator")
