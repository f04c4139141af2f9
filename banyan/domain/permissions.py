"""What people may ask our accounts to do. A role of the network file lists some of these."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """One thing that not everybody may do."""

    ALERT = "alert"
    APPROVE = "approve"
    AUDIT = "audit"
    FREEZE = "freeze"
    GATHER = "gather"
    INVITE = "invite"
    ROLES = "roles"
    ROOMS = "rooms"


DESCRIPTIONS: Mapping[Permission, str] = MappingProxyType(
    {
        Permission.ALERT: "Ask for an emergency alert. Two approvers have to stand behind it.",
        Permission.APPROVE: "Be one of the two who stand behind an alert.",
        Permission.AUDIT: "See whether the rules are kept, room by room, and open the console.",
        Permission.FREEZE: "End all access of a member at once.",
        Permission.GATHER: "Announce gatherings and see how many will come.",
        Permission.INVITE: "Let somebody in, together with a second person who may do the same.",
        Permission.ROLES: "Give or take a role, together with a second person who may do the same.",
        Permission.ROOMS: "See who is in a conversation, let members in or out, announce in the guide room.",
    }
)
"""For those who write network files: what each word allows."""
