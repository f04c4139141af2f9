"""Fakes that remember, for every part that talks to services."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from banyan.domain.effects import Effect
from banyan.domain.sight import SeenRoom, Sight
from banyan.errors import TokenSpent

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands until it is moved."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def forward(self, **amount: float) -> None:
        """Move on by as much as `timedelta` understands, e.g. `forward(hours=1)`."""
        self.time += timedelta(**amount)


class FakeIds:
    """Counts instead of drawing. `names` are the next pseudonyms, in order."""

    def __init__(self, prefix: str = "", names: list[str] | None = None) -> None:
        self._prefix = prefix
        self._count = 0
        self.names = names or []

    def _next(self) -> int:
        self._count += 1
        return self._count

    def opaque(self) -> str:
        return sha256(f"{self._prefix}{self._next()}".encode()).hexdigest()[:32]

    def token(self) -> str:
        return f"token-{self._prefix}{self._next():020}"

    def code(self) -> str:
        return str(1000 + self._next())

    def pseudonym(self) -> str:
        return self.names.pop(0) if self.names else f"stone-{self._prefix}{self._next()}"


class FakeVault:
    """A vault whose secret everybody knows."""

    def mac(self, purpose: str, message: str) -> str:
        return sha256(f"{purpose}\0{message}".encode()).hexdigest()


@dataclass
class FakeRegistration:
    """The homeserver's public registration: every token works once."""

    registered: dict[str, str] = field(default_factory=dict)
    """Local part → passphrase."""
    spent: set[str] = field(default_factory=set)
    fails_with: Exception | None = None

    async def register(self, localpart: str, passphrase: str, token: str) -> None:
        if self.fails_with:
            raise self.fails_with
        if token in self.spent:
            raise TokenSpent("This invitation was used.")
        self.spent.add(token)
        self.registered[localpart] = passphrase


@dataclass
class FakeEye:
    """An eye that sees what it is given, or nothing at all."""

    sight: Sight
    fails_with: Exception | None = None
    looks: int = 0

    async def look(self) -> Sight:
        self.looks += 1
        if self.fails_with:
            raise self.fails_with
        return self.sight

    async def room(self, room_id: str) -> SeenRoom | None:
        sight = await self.look()
        return next((room for room in sight.rooms if room.room_id == room_id), None)


@dataclass
class Receiver:
    """The world at the end of an outbox: it makes an effect once by its id, however often it is sent."""

    arrived: dict[str, Effect] = field(default_factory=dict)
    attempts: list[str] = field(default_factory=list)

    async def __call__(self, effect: Effect) -> Mapping[str, Any]:
        self.attempts.append(effect.id)
        self.arrived.setdefault(effect.id, effect)
        return {"event_id": f"${effect.id}"}


def room_id(key):
    """The id of a declared room in tests."""
    return f"!{key}:banyan.test"
