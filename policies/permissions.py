"""Who may do what, where: pure questions asked of the network's roles."""

from banyan.domain.people import Placement
from banyan.domain.permissions import Permission
from banyan.network import Network


def reach(network: Network, placement: Placement, permission: Permission) -> frozenset[str]:
    """Keys of the areas for which somebody of that placement holds a permission; empty when nowhere.

    A role that is held per country reaches the holder's own area: their country, or their cell of it.
    """
    everywhere = frozenset(area.key for area in network.areas)
    held = [
        role for name, role in network.roles.items() if name in placement.roles and permission in role.may
    ]
    if any(not role.per_country for role in held):
        return everywhere
    return everywhere & {placement.area} if held else frozenset()


def holds(network: Network, placement: Placement, permission: Permission | None) -> bool:
    """Whether somebody of that placement holds a permission anywhere; everybody holds `None`."""
    return permission is None or bool(reach(network, placement, permission))


def rank(network: Network, placement: Placement) -> int:
    """How much somebody may do: 0 ordinary members, 1 holders of a role of one area, 2 of any other role.

    Nobody acts upon somebody of their own rank or above.
    """
    roles = [role for name, role in network.roles.items() if name in placement.roles]
    return max((1 if role.per_country else 2 for role in roles), default=0)
