"""Who is given the keys of our accounts' messages: the roster, and which of people's devices."""

from banyan.services.roster import Roster
from bots.client import KeyPolicy


class KeyRoster:
    """The roster as the client asks for it, for one account.

    Staff rooms and chats: only devices their owners vouch for. Alert rooms: every device of an admitted
    member, for nobody shall miss an alarm over a missing signature (DESIGN, decision 4).
    """

    def __init__(self, roster: Roster, policy: KeyPolicy) -> None:
        self._roster = roster
        self._policy = policy

    async def allowed(self, room_id: str) -> frozenset[str]:
        """User ids of members who ought to be in that room."""
        return await self._roster.allowed(room_id)

    def policy(self, room_id: str) -> KeyPolicy:  # noqa: ARG002 - each account speaks in one kind of room
        """Which of their devices."""
        return self._policy
