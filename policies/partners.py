"""Which servers the network speaks with, and who of them comes in where. Pure questions asked of the network.

People on partner servers come into joint rooms only, by their ids, and hold no power there. A server that is
cut off counts as if nobody on it were declared.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from banyan.domain.people import Accounts, Member
from banyan.domain.rooms import RoomKey, RoomKind, room_key
from banyan.network import Network
from policies.placement import guests_of, members_by_room

NOBODY: Final[frozenset[str]] = frozenset()

OPEN_ACL: Final = {"allow": ["*"], "deny": [], "allow_ip_literals": True}
"""What takes the place of a list that nobody declared: an empty one would shut everybody out."""


def servers_of(network: Network, cut: Collection[str] = NOBODY) -> frozenset[str]:
    """Names of the servers that may be spoken with: those of partners with a joint room, and not cut off.

    Empty means that there is no federation at all.
    """
    return frozenset(server for place in network.joint for server in _of_place(network, place, cut))


def rooms_with(network: Network, server: str) -> tuple[RoomKey, ...]:
    """Keys of the joint rooms made for the partner on that server, in the order of the file."""
    places = (place for place in network.joint if server in _of_place(network, place, NOBODY))
    return tuple(room_key(RoomKind.JOINT, place) for place in places)


def partner_of(network: Network, server: str) -> str | None:
    """Key of the partner on that server, whether it has a joint room or not."""
    return next((key for key, partner in network.partners.items() if partner.server == server), None)


def guests_now(network: Network, key: RoomKey, cut: Collection[str] = NOBODY) -> frozenset[str]:
    """User ids of the people on partner servers who are to be in that room now."""
    return frozenset(user_id for user_id in guests_of(network, key) if server_of(user_id) not in cut)


def people_by_room(
    network: Network, accounts: Accounts, members: Iterable[Member], cut: Collection[str]
) -> Mapping[RoomKey, frozenset[str]]:
    """Room → user ids of all who may be there beside our own accounts. Rooms of nobody are left out.

    The one answer that the gate enforces, the reconciler puts back and the audit compares with.
    """
    people = dict(members_by_room(network, accounts, members))
    for place in network.joint:
        key = room_key(RoomKind.JOINT, place)
        if guests := guests_now(network, key, cut):
            people[key] = people.get(key, NOBODY) | guests
    return people


def server_acl(network: Network, key: RoomKey, own: str, cut: Collection[str] = NOBODY) -> dict[str, Any]:
    """Content of `m.room.server_acl` of a joint room: our server (`own`) and its partners', nobody else.

    The specification matches names without their port, Synapse with it: both are listed. A server that is cut
    off may so pass beside an allowed one on its host; bans and the list of servers hold it off there.
    """
    names = {own, *_of_place(network, key.partition(":")[2], cut)}
    return {"allow": sorted(names | {_host(name) for name in names}), "deny": []}


def server_of(user_id: str) -> str:
    """The server's name in a user id, with its port if it has one."""
    return user_id.partition(":")[2]


def _of_place(network: Network, place: str, cut: Collection[str]) -> frozenset[str]:
    joint = network.joint.get(place)
    servers = (network.partners[name].server for name in joint.partners) if joint else ()
    return frozenset(server for server in servers if server and server not in cut)


def _host(name: str) -> str:
    host, colon, port = name.rpartition(":")
    return host if colon and port.isdigit() else name
