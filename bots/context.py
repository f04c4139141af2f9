"""What a command may know: who asks, where, in which unit of work, and the use cases it may call."""

from dataclasses import dataclass
from datetime import datetime

from banyan.domain.log import acting
from banyan.domain.people import Member
from banyan.domain.permissions import Permission
from banyan.network import Network
from banyan.services.approvals import Approvals
from banyan.services.console import Console
from banyan.services.freezing import Freezing
from banyan.services.gatherings import Gatherings
from banyan.services.ports import UnitOfWork
from banyan.services.raising import Raising
from banyan.services.remedies import Remedies
from banyan.services.reporting import Reports
from banyan.services.roles import Roles
from banyan.services.rollcall import RollCall
from banyan.services.rooms import Rooms
from policies.permissions import holds, reach


@dataclass(frozen=True)
class Services:
    """The use cases that commands call. Each takes the unit of work as its first argument."""

    approvals: Approvals
    console: Console
    freezing: Freezing
    gatherings: Gatherings
    raising: Raising
    remedies: Remedies
    reports: Reports
    roll_call: RollCall
    roles: Roles
    rooms: Rooms


@dataclass(frozen=True)
class Context:
    """One message of one member, being answered."""

    member: Member
    room_id: str
    tx: UnitOfWork
    now: datetime
    known_since: datetime | None
    """When the identity behind the sending device was first seen."""
    network: Network
    services: Services
    reach: frozenset[str] = frozenset()
    """Keys of the areas for which the asker may do what the command does."""

    @property
    def zone(self) -> str:
        """IANA name of the asker's zone."""
        return self.network.zone_of(self.member.placement.area)

    @property
    def who(self) -> str:
        """The asker as the log names them."""
        return acting(self.member)

    def holds(self, permission: Permission | None) -> bool:
        """Whether the asker holds a permission somewhere."""
        return holds(self.network, self.member.placement, permission)

    def reaches(self, permission: Permission | None) -> frozenset[str]:
        """Keys of the areas for which the asker holds a permission; every area for `None`."""
        if permission is None:
            return frozenset(area.key for area in self.network.areas)
        return reach(self.network, self.member.placement, permission)
