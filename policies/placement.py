"""From where a member stands in the network to the rooms they are in. Pure questions asked of the network."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, partial

from banyan.domain.people import Accounts, Member, Placement
from banyan.domain.rooms import RoomKey, RoomKind, room_key
from banyan.errors import BanyanError, NotFound
from banyan.network import Area, Network, Role
from policies.rooms import AREA_KINDS, ROOM_KINDS, STAFF_PLACE


class CellsFull(BanyanError):
    """Every cell of the country has as many members as it may have."""

    code = "cells-full"


def rooms_of(network: Network, placement: Placement) -> frozenset[RoomKey]:
    """Keys of every room, spaces included, that a member of that placement is in.

    Raise `NotFound` for an area, theme or role that the network does not have.
    """
    area = network.area(placement.area)
    rooms = {room_key(kind, area.key) for kind in AREA_KINDS}
    for theme in placement.themes:
        if theme not in network.themes:
            raise NotFound(f"There is no theme {theme!r}: the network has {', '.join(network.themes)}.")
        rooms.add(room_key(RoomKind.THEME, theme))
    for name in placement.roles:
        if staff := _staff_rooms(_role(network, name)):
            rooms |= {room_key(RoomKind.SPACE, STAFF_PLACE), *staff}
    for place, joint in network.joint.items():
        if placement.roles & set(joint.roles):
            rooms.add(room_key(RoomKind.JOINT, place))
    return frozenset(rooms) - placement.barred


def still_there(network: Network, placement: Placement) -> Placement | None:
    """What is left of a placement in a network file that has changed since; None when its area is gone."""
    if placement.area not in {area.key for area in network.areas}:
        return None
    themes, roles = placement.themes & network.themes.keys(), placement.roles & network.roles.keys()
    return Placement(placement.area, frozenset(themes), frozenset(roles), placement.barred)


def rooms_now(network: Network, placement: Placement) -> frozenset[RoomKey]:
    """`rooms_of` what is left of the placement: nobody is let in anywhere because a name disappeared."""
    left = still_there(network, placement)
    return rooms_of(network, left) if left else frozenset()


def powers_now(network: Network, placement: Placement) -> Mapping[RoomKey, int]:
    """`powers_of` what is left of the placement."""
    left = still_there(network, placement)
    return powers_of(network, left) if left else {}


def members_by_room(
    network: Network, accounts: Accounts, members: Iterable[Member]
) -> Mapping[RoomKey, frozenset[str]]:
    """Room → user ids of those of the members whose place it is. Rooms of nobody are left out."""
    rooms = cache(partial(rooms_now, network))  # thousands of members stand in few places
    people: defaultdict[RoomKey, set[str]] = defaultdict(set)
    for member in members:
        for key in rooms(member.placement):
            people[key].add(accounts.member(member.localpart))
    return {key: frozenset(there) for key, there in people.items()}


def seats_of(kind: RoomKind, accounts: Accounts) -> frozenset[str]:
    """User ids of our speaking accounts that are in every room of that kind. The warden needs no leave."""
    return frozenset(getattr(accounts, name) for name in ROOM_KINDS[kind].seats)


def guests_of(network: Network, key: RoomKey) -> frozenset[str]:
    """User ids of the people on partner servers who may be in that room; empty for all but joint rooms."""
    kind, _, place = key.partition(":")
    if kind != RoomKind.JOINT or place not in network.joint:
        return frozenset()
    partners = [network.partners[name] for name in network.joint[place].partners]
    return frozenset(user_id for partner in partners if partner.server for user_id in partner.people)


def powers_of(network: Network, placement: Placement) -> Mapping[RoomKey, int]:
    """Levels above 0 that a member's roles give them, by room. Raise `NotFound` as `rooms_of`."""
    talk = room_key(RoomKind.TALK, network.area(placement.area).key)
    powers: dict[RoomKey, int] = {}
    for name in placement.roles:
        role = _role(network, name)
        for key in {talk} if role.per_country else _staff_rooms(role):
            if role.power:
                powers[key] = max(role.power, powers.get(key, 0))
    return powers


def area_with_place(network: Network, country: str, counts: Mapping[str, int]) -> Area:
    """The area a new member of a country belongs to: the first of its cells with a place left.

    `country` may also be the key of one cell; `counts` are members per area, invited ones included. Raise
    `NotFound` for what is no country or cell, `CellsFull` when there is no place.
    """
    if country not in {name for area in network.areas for name in (area.key, area.country)}:
        raise NotFound(f"There is no country {country!r}: the network has {', '.join(network.countries)}.")
    areas = network.expand(country)
    for area in areas:
        if area.size is None or counts.get(area.key, 0) < area.size:
            return area
    raise CellsFull(
        f"No place left in {', '.join(area.key for area in areas)}. Append a code name to "
        f"countries.{areas[0].country}.cells in the network file, run `banyan apply`, and invite again."
    )


def _role(network: Network, name: str) -> Role:
    if name not in network.roles:
        raise NotFound(f"There is no role {name!r}: the network has {', '.join(network.roles)}.")
    return network.roles[name]


def _staff_rooms(role: Role) -> frozenset[RoomKey]:
    return frozenset(room_key(RoomKind.STAFF, place) for place in role.rooms)
