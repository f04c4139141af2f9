"""The world: time, randomness, secrets, the way members register."""

from datetime import datetime
from typing import Protocol

from banyan.domain.sight import SeenRoom, Sight


class Clock(Protocol):
    """The time, in UTC and aware."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Randomness, injected so that tests can repeat it."""

    def opaque(self) -> str:
        """32 hex digits."""

    def token(self) -> str:
        """A registration token: 32 characters of the unreserved URL alphabet."""

    def pseudonym(self) -> str:
        """A made-up local part, e.g. `amber-heron`; may collide, the caller asks again."""

    def code(self) -> str:
        """Four digits, the first not 0; may collide, the caller asks again."""


class Vault(Protocol):
    """Secrets of the home, by purpose; the home secret itself never leaves."""

    def mac(self, purpose: str, message: str) -> str:
        """Hex HMAC-SHA256 under a key derived for that purpose: locators, status links, log commitments."""


class Registration(Protocol):
    """How the join page registers a person, by the same public way a client would use."""

    async def register(self, localpart: str, passphrase: str, token: str) -> None:
        """Raise `TokenSpent`, `WeakPassphrase` or `HomeserverDown`."""


class Eye(Protocol):
    """Sees what the homeserver is, from inside. Writes nothing; raises `MatrixError` and `HomeserverDown`."""

    async def look(self) -> Sight:
        """Everything. The full state of a room is read only when it has changed since the last look."""

    async def room(self, room_id: str) -> SeenRoom | None:
        """One room as it is now; None when there is none."""
