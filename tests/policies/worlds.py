"""A sound world of the example network, and small changes to it: what rules are tried on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from banyan.domain.findings import Judgement
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.domain.sight import SeenAccount, SeenDevice, SeenPusher, SeenService, SeenToken
from banyan.network import Network, load_network
from banyan.network.model import JointRoom, Waiver
from banyan.settings import DEFAULT_NETWORK
from homeserver.desired import desired
from homeserver.hardening import HARDENING
from policies.engine import judge
from policies.facts import OurFacts, PersonFacts, Place, RoomFacts, ServerFacts, SettingFacts, World
from policies.partners import servers_of
from policies.placement import guests_of, powers_of, rooms_of, seats_of
from policies.rules import RULES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OURS = Accounts("home.example")
PARTNER = "partner.example"
GUEST = f"@lamp:{PARTNER}"
FIRST, TALK, GUIDE, ALERT, SPACE = "amber-heron", "talk:KH", "guide:KH", "alert:KH", "space:KH"
JOINT, PRIVATE, CHAT, STRAY = "joint:table", "!private", "!chat", "!stray"
PEOPLE = {
    FIRST: Placement("KH"),
    "kind-lark": Placement("KH", frozenset({"climate"})),
    "brisk-oar": Placement("TH"),
    "sunny-pier": Placement("MM-1"),
    "calm-kite": Placement("KH", roles=frozenset({"focal_point"})),
    "plain-gate": Placement("TH", roles=frozenset({"security_officer"})),
    "true-lens": Placement("LA", roles=frozenset({"security_officer"})),
    "wise-fern": Placement("VN", roles=frozenset({"vetting_officer"})),
}
PRIVATE_STATE = {
    ("m.room.create", ""): {"room_version": "12", "m.federate": False},
    ("m.room.encryption", ""): {"algorithm": "m.megolm.v1.aes-sha2"},
    ("m.room.join_rules", ""): {"join_rule": "invite"},
    ("m.room.guest_access", ""): {"guest_access": "forbidden"},
}


def days(number: float) -> timedelta:
    return timedelta(days=number)


def example(**changes: object) -> Network:
    """The example network with one partner who has a server and a joint room."""
    network = load_network(DEFAULT_NETWORK)
    lamp = network.partners["lamp-house"].model_copy(update={"server": PARTNER, "people": (GUEST,)})
    table = JointRoom(code_name="Oriole", partners=("lamp-house",), roles=("coordinator",))
    added = {"partners": {**network.partners, "lamp-house": lamp}, "joint": {"table": table}}
    return network.model_copy(update={**added, **changes})


NETWORK = example()


def limited(**limits: int | str) -> Network:
    return example(limits=NETWORK.limits.model_copy(update=limits))


def waiver(rule: str, subject: str = "*", until: datetime = NOW, **only: str | int) -> Waiver:
    return Waiver(rule=rule, subject=subject, only=only, reason="tried by a test", until=until.date())


def device(name: str = "Element X Android", **changes: object) -> SeenDevice:
    return replace(SeenDevice("DEVICE", name, signed=True), **changes)


def person(
    localpart: str, placement: Placement, network: Network = NETWORK, **changes: object
) -> PersonFacts:
    """A member who is as they ought to be."""
    rooms = rooms_of(network, placement)
    user_id = OURS.member(localpart)
    facts = PersonFacts(
        member=Member(localpart, localpart, placement, "en", MemberStatus.ADMITTED),
        user_id=user_id,
        account=SeenAccount(user_id, display_name=localpart, devices=(device(),), master_key="key"),
        rooms=rooms,
        entries=len(rooms) + 1,
        sees=len(PEOPLE) - 1,
        since=NOW - days(100),
        vetted=NOW - days(100),
        terms=dict.fromkeys(placement.roles, NOW - days(100)),
    )
    return replace(facts, **changes)


def sound(network: Network = NETWORK) -> World:
    """Everything is as it ought to be."""
    people = tuple(person(name, placement, network) for name, placement in PEOPLE.items())
    rooms = (*_rooms(network, people), *_chats())
    ours = tuple(_ours(name, rooms) for name in ("keeper", "warden", "registrar", *SPEAKERS))
    return World(NOW, network, OURS, rooms, people, ours, _server(network, people, ours))


SPEAKERS = ("desk", "alarm", "steward")


def _rooms(network: Network, people: tuple[PersonFacts, ...]) -> tuple[RoomFacts, ...]:
    wanted = desired(network, OURS, "mark of {}".format, _powers(network))
    made = []
    for room in wanted:
        key, parent_id = room.key, f"!{room.parent}" if room.parent else None
        state = {(event.type, event.state_key): event.content for event in room.state(parent_id)}
        creation = room.creation(parent_id)
        state["m.room.create", ""] = creation["creation_content"] | {"room_version": "12"}
        for child in wanted:
            if child.parent == key:
                state["m.space.child", f"!{child.key}"] = child.link
        expected = {each.user_id for each in people if key in each.rooms}
        expected |= {OURS.warden, *seats_of(room.declared.kind, OURS), *guests_of(network, key)}
        made.append(
            RoomFacts(
                room_id=f"!{key}",
                place=Place.DECLARED,
                creator=OURS.keeper,
                version="12",
                state=state,
                members=dict.fromkeys(expected, "join"),
                declared=room.declared,
                expected=frozenset(expected),
                powers=_powers(network).get(key, {}),
                parent_id=parent_id,
            )
        )
    return tuple(made)


def _powers(network: Network) -> dict[str, dict[str, int]]:
    powers: dict[str, dict[str, int]] = {}
    for name, placement in PEOPLE.items():
        for key, level in powers_of(network, placement).items():
            powers.setdefault(key, {})[OURS.member(name)] = level
    return powers


def _chats() -> tuple[RoomFacts, ...]:
    def chat(room_id: str, place: Place, two: tuple[str, str], history: str) -> RoomFacts:
        state = {
            **PRIVATE_STATE,
            ("m.room.history_visibility", ""): {"history_visibility": history},
            ("m.room.power_levels", ""): {"users": {}, "invite": 100},
        }
        members = dict.fromkeys(two, "join")
        return RoomFacts(room_id, place, two[0], "12", state, members, expected=frozenset(two))

    first = OURS.member(FIRST)
    return (
        chat(CHAT, Place.CHAT, (OURS.desk, first), "joined"),
        chat(PRIVATE, Place.PRIVATE, (first, OURS.member("kind-lark")), "invited"),
    )


def _ours(name: str, rooms: tuple[RoomFacts, ...]) -> OurFacts:
    user_id = getattr(OURS, name)
    speaks = name in SPEAKERS
    devices = (SeenDevice("OURS", "0a1b2c3d", signed=True),) if speaks else ()
    account = SeenAccount(user_id, admin=name == "registrar", devices=devices, master_key=f"key of {name}")
    return OurFacts(
        name=name,
        user_id=user_id,
        account=account,
        device_id="OURS" if speaks else None,
        master_key=account.master_key,
        rooms=frozenset(room.room_id for room in rooms if user_id in room.present),
        expected=frozenset(room.room_id for room in rooms if user_id in room.expected and room.declared),
        anywhere=name in ("desk", "steward"),
    )


def _server(network: Network, people: tuple[PersonFacts, ...], ours: tuple[OurFacts, ...]) -> ServerFacts:
    services = {
        "banyan-warden": SeenService("banyan-warden", "http://x", [("^@warden:home\\.example$", True)]),
        "banyan-speakers": SeenService(
            "banyan-speakers", None, [(f"^@{name}:home\\.example$", True) for name in SPEAKERS]
        ),
    }
    partners = servers_of(network)
    return ServerFacts(
        settings=tuple(
            SettingFacts(key, setting.value, setting.value, setting.reason)
            for key, setting in HARDENING.items()
        ),
        accounts=tuple(each.account for each in (*people, *ours) if each.account),
        tokens=(SeenToken("a" * 64, 1, 0, NOW + days(3)),),
        known_tokens=frozenset({"a" * 64}),
        pushers=(SeenPusher(OURS.member(FIRST), "matrix.org", ids_only=True),),
        services=tuple(services.values()),
        known_services=services,
        puppet_tokens=0,
        partners=partners,
        whitelist=partners,
    )


def with_room(world: World, key: str, **changes: object) -> World:
    """The world with one room changed; `key` is a declared room's key, or a chat's id."""
    return replace(
        world, rooms=tuple(replace(room, **changes) if room.name == key else room for room in world.rooms)
    )


def room(world: World, key: str) -> RoomFacts:
    return next(each for each in world.rooms if each.name == key)


def with_state(world: World, key: str, kind: str, content: object, state_key: str = "") -> World:
    """The world with one state event of a room set; None takes it away."""
    state = {**room(world, key).state, (kind, state_key): content}
    if content is None:
        del state[kind, state_key]
    return with_room(world, key, state=state)


def with_member(world: World, key: str, user_id: str, how: str | None = "join") -> World:
    """The world with somebody in a room; None takes them out."""
    members = {**room(world, key).members, user_id: how}
    if how is None:
        del members[user_id]
    return with_room(world, key, members=members)


def with_person(world: World, localpart: str = FIRST, **changes: object) -> World:
    """The world with one member's facts changed."""
    return replace(
        world,
        people=tuple(
            replace(each, **changes) if each.member.localpart == localpart else each for each in world.people
        ),
    )


def with_account(world: World, localpart: str = FIRST, **changes: object) -> World:
    """The world with one member's account changed."""
    facts = next(each for each in world.people if each.member.localpart == localpart)
    return with_person(world, localpart, account=replace(facts.account, **changes))


def with_ours(world: World, name: str, **changes: object) -> World:
    """The world with one account of ours changed: its facts, or by the account's own fields."""
    facts = next(each for each in world.ours if each.name == name)
    own = {key: changes.pop(key) for key in tuple(changes) if not hasattr(facts, key)}
    if facts.account and own:
        changes["account"] = replace(facts.account, **own)
    return replace(
        world, ours=tuple(replace(each, **changes) if each.name == name else each for each in world.ours)
    )


def with_server(world: World, **changes: object) -> World:
    """The world with the server's facts changed."""
    assert world.server
    return replace(world, server=replace(world.server, **changes))


def judged(world: World) -> Judgement:
    return judge(world, RULES)


def found(world: World) -> set[tuple[str, str]]:
    """Pairs of rule and subject of all findings."""
    return {(each.rule, each.subject.name) for each in judged(world).findings}
