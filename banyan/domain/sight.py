"""What the homeserver is seen to be: read, not judged. `policies.facts` is what the rules are asked of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

State = Mapping[tuple[str, str], Mapping[str, Any]]
"""(type, state key) → content; memberships left out."""


@dataclass(frozen=True)
class SeenRoom:
    """A room as the homeserver has it."""

    room_id: str
    creator: str
    version: str
    mark: int
    """Grows with every change of the room's state: what had the same mark before has not changed."""
    members: Mapping[str, str]
    """User id → `join`, `invite`, `knock` or `ban`."""
    state: State
    listed: bool = False
    """Whether the directory of rooms shows it."""


@dataclass(frozen=True)
class SeenDevice:
    """A device, without when or from where it was last used."""

    device_id: str
    name: str = ""
    signed: bool = False
    """By its owner's present identity."""
    encrypts: bool = True
    """Whether it published keys."""
    digest: str = ""
    """Of the keys that it published: its id and its name another device can take."""

    @property
    def mark(self) -> str:
        """What stands for this device and no other."""
        return f"{self.device_id} {self.digest}"


@dataclass(frozen=True)
class SeenAccount:
    """An account as the homeserver has it."""

    user_id: str
    admin: bool = False
    locked: bool = False
    deactivated: bool = False
    display_name: str = ""
    has_picture: bool = False
    service: str | None = None
    """Application service that made it."""
    devices: Sequence[SeenDevice] = ()
    master_key: str | None = None
    """Public half of the cross-signing identity."""


@dataclass(frozen=True)
class SeenToken:
    """A registration token; the token itself is never read."""

    digest: str
    """Hex SHA-256."""
    uses_allowed: int | None
    uses: int
    expires: datetime | None


@dataclass(frozen=True)
class SeenPusher:
    """Where a phone's notifications go."""

    user_id: str
    host: str
    """Host of the push gateway; empty for e-mail."""
    ids_only: bool
    """Whether the gateway is told event ids only."""


@dataclass(frozen=True)
class SeenService:
    """A registered application service."""

    id: str
    url: str | None
    users: Sequence[tuple[str, bool]]
    """Pairs of regular expression and whether it is exclusive."""
    rooms: Sequence[str] = ()
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class Sight:
    """Everything the eye inside the homeserver told at one moment."""

    at: datetime
    rooms: Sequence[SeenRoom]
    accounts: Sequence[SeenAccount]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the running homeserver was started with, nested as in its files; unset keys are absent."""
    tokens: Sequence[SeenToken] = ()
    pushers: Sequence[SeenPusher] = ()
    services: Sequence[SeenService] = ()
    puppet_tokens: int = 0
    """Access tokens by which an administrator acts as somebody else."""
    read: int = 0
    """Rooms whose full state was read: the others had not changed."""
