"""Who there is: members, their pseudonyms, their roles."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class MemberStatus(StrEnum):
    """Where a member stands. Drawn as a table in `TRANSITIONS`; anything else is refused."""

    INVITED = "invited"
    """A pseudonym and a token exist; nobody has registered yet."""
    ADMITTED = "admitted"
    """Registered: the account exists and is joined to the rooms of its placement."""
    EXPIRED = "expired"
    """The invitation ran out before anyone used it."""
    FROZEN = "frozen"
    """All access was ended by the security staff. Nothing lifts it by itself."""


TRANSITIONS: dict[MemberStatus, frozenset[MemberStatus]] = {
    MemberStatus.INVITED: frozenset({MemberStatus.ADMITTED, MemberStatus.EXPIRED, MemberStatus.FROZEN}),
    MemberStatus.ADMITTED: frozenset({MemberStatus.FROZEN}),
    MemberStatus.EXPIRED: frozenset(),
    MemberStatus.FROZEN: frozenset(),
}

LET_IN = (MemberStatus.INVITED, MemberStatus.ADMITTED)
"""Who may be in the rooms of their placement: somebody who was invited is in there before we hear of it."""


@dataclass(frozen=True)
class Placement:
    """What decides which rooms a member is in: code names of the network file, never a person's data."""

    area: str
    """Key of the country or of the cell of a high-risk country, e.g. `KH`, `MM-2`."""
    themes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()
    """Keys of conversations that the member was removed from."""


@dataclass(frozen=True)
class Member:
    """A member as this system knows them: a made-up name in a place."""

    id: str
    """Opaque, random, never shown."""
    localpart: str
    """The pseudonym: the local part of the Matrix user id, e.g. `amber-heron`."""
    placement: Placement
    language: str
    """BCP 47 tag of the catalog, e.g. `my`, `zh-Hans`."""
    status: MemberStatus = MemberStatus.INVITED
    chat: str | None = None
    """Room id of the member's chat with the desk, once it exists."""
    welcomed: bool = False
    """The desk's first words are said, or on their way."""
    since: datetime | None = None
    """When they were admitted."""
    vetted: datetime | None = None
    """When somebody last vouched for them."""


@dataclass(frozen=True)
class Invitation:
    """A single-use way in for one member."""

    member_id: str
    token_hash: str
    """Hex SHA-256 of the token; the token itself is told once and never stored."""
    expires: datetime
    asked_by: str | None = None
    """Id of the member whose request it was, and who holds the link; None for the operator's machine."""


@dataclass(frozen=True)
class Accounts:
    """User ids of our own accounts (DESIGN: power, speech and administration are different keys)."""

    server_name: str
    keeper: str = field(init=False)
    warden: str = field(init=False)
    registrar: str = field(init=False)
    desk: str = field(init=False)
    alarm: str = field(init=False)
    steward: str = field(init=False)

    def __post_init__(self) -> None:
        for name in OUR_LOCALPARTS:
            object.__setattr__(self, name, f"@{name}:{self.server_name}")

    @property
    def all(self) -> frozenset[str]:
        """Every account of ours."""
        return frozenset(getattr(self, name) for name in OUR_LOCALPARTS)

    @property
    def speakers(self) -> tuple[str, str, str]:
        """The accounts that own a device: desk, alarm, steward."""
        return (self.desk, self.alarm, self.steward)

    def member(self, localpart: str) -> str:
        """User id of the member with that pseudonym."""
        return f"@{localpart}:{self.server_name}"

    def localpart(self, user_id: str) -> str | None:
        """Pseudonym behind a user id of this server; None for our own accounts and for other servers."""
        localpart, colon, server = user_id.removeprefix("@").partition(":")
        ours = colon and server == self.server_name and localpart not in OUR_LOCALPARTS
        return localpart if ours else None


OUR_LOCALPARTS = ("keeper", "warden", "registrar", "desk", "alarm", "steward")
