"""Books about whether the rules are kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from banyan.domain.findings import Audit, Tally


class Audits(Protocol):
    """Audits that were made."""

    async def add(self, audit: Audit) -> None: ...
    async def latest(self) -> Audit | None: ...
    async def tallies(self, since: datetime) -> Sequence[Tally]:
        """How many findings each audit since then had, oldest first."""

    async def forget(self, before: datetime) -> int: ...


class Identities(Protocol):
    """The cross-signing identity that was seen first of each account."""

    async def all(self) -> Mapping[str, str]:
        """User id → master key."""

    async def pin(self, seen: Mapping[str, str], at: datetime) -> None:
        """Remember; those that are known keep what was seen first."""

    async def accept(self, user_id: str, master_key: str, at: datetime) -> None:
        """Somebody made sure that this is theirs now."""


class Repairs(Protocol):
    """What was put right in rooms, to notice a fight."""

    async def add(self, room_id: str, things: Sequence[str], at: datetime) -> None: ...
    async def count(self, room_id: str, since: datetime) -> Mapping[str, int]:
        """Thing → how often it was put right in that room since then."""

    async def clear(self, room_id: str) -> None: ...
    async def forget(self, before: datetime) -> int: ...


class Cuts(Protocol):
    """Partner servers that are cut off."""

    async def add(self, server: str, at: datetime) -> bool: ...
    async def remove(self, server: str) -> bool: ...
    async def all(self) -> frozenset[str]: ...


class Console(Protocol):
    """Single-use links to the console, and who is in there. Tokens are hashed."""

    async def add_link(self, token_hash: str, member_id: str, expires: datetime) -> None: ...
    async def use_link(self, token_hash: str, now: datetime) -> str | None:
        """Whose link that is, once. None when it opens nothing."""

    async def add_session(self, token_hash: str, member_id: str, browser: str, expires: datetime) -> None: ...
    async def session(self, token_hash: str, now: datetime) -> tuple[str, str] | None:
        """Member id and browser."""

    async def end_sessions(self, member_id: str) -> None: ...
    async def forget(self, now: datetime) -> int: ...
