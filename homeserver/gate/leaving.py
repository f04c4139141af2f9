"""Taking members out of rooms."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from synapse.module_api import ModuleApi, UserID

from homeserver.gate.changing import change
from homeserver.gate.setting import GateSetting

_LOOKS: Final = 3
"""How often we look for rooms that a join under way has added meanwhile."""

_WHERE: Final = (
    "SELECT room_id FROM local_current_membership "
    "WHERE user_id = ? AND membership IN ('join', 'invite', 'knock')"
)


@dataclass
class Expelled:
    """What came of it."""

    left: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the answer of the web resource."""
        return {"left": self.left, "refused": self.refused}


class Leaving:
    """Members leave in their own name: no admin is in a private chat, and who has no session leaves too."""

    def __init__(self, api: ModuleApi, setting: GateSetting) -> None:
        self._api = api
        self._setting = setting

    def may_expel(self, user_id: str) -> bool:
        """Whether the user is a member: of this server, and none of our own accounts."""
        is_ours = UserID.from_string(user_id).localpart in self._setting.accounts
        return bool(self._api.is_mine(user_id)) and not is_ours

    async def expel(self, user_id: str, room_ids: Collection[str] | None) -> Expelled:
        """Have the user leave these rooms (None: every room) and decline what invites them there.

        Withdraw them from the table first: nothing else keeps them from coming back. What is done already
        costs no event.
        """
        expelled = Expelled()
        for _ in range(_LOOKS):
            rooms = await self._rooms(user_id, room_ids)
            if not rooms:
                break
            expelled.refused = [room for room in rooms if not await self._leave(user_id, room)]
            expelled.left += [room for room in rooms if room not in expelled.refused]
        return expelled

    async def _leave(self, user_id: str, room_id: str) -> bool:
        return await change(self._api, user_id, user_id, room_id, "leave")

    async def _rooms(self, user_id: str, room_ids: Collection[str] | None) -> list[str]:
        def look(connection: Any) -> list[str]:
            connection.execute(_WHERE, (user_id,))
            return [room_id for (room_id,) in connection.fetchall()]

        found: list[str] = await self._api.run_db_interaction("banyan_rooms_of", look)
        return [room_id for room_id in found if room_ids is None or room_id in room_ids]
