"""What the eye would see where everything is as it ought to be."""

from collections import defaultdict
from collections.abc import Iterable

from banyan.domain.people import OUR_LOCALPARTS, Accounts, Member, MemberStatus
from banyan.domain.rooms import Room
from banyan.domain.sight import SeenAccount, SeenDevice, SeenRoom, Sight
from banyan.network import Network
from homeserver.desired import desired
from policies.placement import powers_of, rooms_now
from tests.fakes import NOON, room_id


def standing(network: Network, accounts: Accounts) -> list[Room]:
    """Our books when every declared room is there."""
    return [room.room(room_id(room.key)) for room in desired(network, accounts, str)]


def sound(network: Network, accounts: Accounts, members: Iterable[Member], at=NOON) -> Sight:
    """Every declared room as it is declared, everybody where they belong, one signed phone each."""
    members = list(members)
    inside, powers = defaultdict(set), defaultdict(dict)
    for member in members:
        if member.status is MemberStatus.ADMITTED:
            user_id = accounts.member(member.localpart)
            for key in rooms_now(network, member.placement):
                inside[key].add(user_id)
            for key, level in powers_of(network, member.placement).items():
                powers[key][user_id] = level
    rooms = [_room(room, inside[room.key], accounts) for room in desired(network, accounts, str, powers)]
    rooms += [_chat(member, accounts) for member in members if member.chat]
    people = [accounts.member(each.localpart) for each in members if each.status is MemberStatus.ADMITTED]
    return Sight(at, rooms, [*_ours(accounts), *map(person, people)])


def person(user_id: str) -> SeenAccount:
    """A member's account as it ought to be."""
    phone = SeenDevice(f"PHONE-{user_id[1:5]}", signed=True)
    name = user_id[1:].partition(":")[0]
    return SeenAccount(user_id, display_name=name, devices=(phone,), master_key=f"identity of {name}")


def _room(room, people, accounts) -> SeenRoom:
    parent = room_id(room.parent) if room.parent else None
    state = {(event.type, event.state_key): event.content for event in room.state(parent)}
    creation = room.creation(parent)["creation_content"]
    state["m.room.create", ""] = creation | {"room_version": "12"}
    members = dict.fromkeys([*people, *room.seats], "join")
    return SeenRoom(room_id(room.key), accounts.keeper, "12", 1, members, state)


def _chat(member, accounts) -> SeenRoom:
    members = {accounts.desk: "join", accounts.member(member.localpart): "join"}
    closed = {
        "m.room.create": {"room_version": "12", "m.federate": False},
        "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
        "m.room.history_visibility": {"history_visibility": "joined"},
        "m.room.guest_access": {"guest_access": "forbidden"},
        "m.room.join_rules": {"join_rule": "invite"},
    }
    state = {(kind, ""): content for kind, content in closed.items()}
    return SeenRoom(member.chat, accounts.desk, "12", 1, members, state)


def _ours(accounts) -> list[SeenAccount]:
    return [
        SeenAccount(
            getattr(accounts, name),
            admin=name == "registrar",
            devices=(SeenDevice(name.upper(), signed=True),) if speaks(name) else (),
            master_key=f"identity of {name}" if speaks(name) or name == "warden" else None,
        )
        for name in OUR_LOCALPARTS
    ]


def speaks(name: str) -> bool:
    """Whether an account of ours has a device."""
    return name in ("desk", "alarm", "steward")
