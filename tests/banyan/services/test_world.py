"""From what is seen, our books and the network file to the facts that rules are asked of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.people import Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.domain.sight import SeenRoom, SeenService, SeenToken
from banyan.network.model import JointRoom, Partner
from banyan.services.books import Books
from banyan.services.world import Baseline, lookup, world_of
from policies.facts import Place
from tests.banyan.services.sights import sound, standing
from tests.fakes import NOON, room_id

HERON = Member("m1", "heron", Placement("KH"), "en", MemberStatus.ADMITTED, chat="!chat-heron:banyan.test")
OTTER = Member(
    "m2",
    "otter",
    Placement("KH", frozenset({"climate"}), frozenset({"focal_point"})),
    "en",
    MemberStatus.ADMITTED,
)
LARK = Member("m3", "lark", Placement("LA"), "en", MemberStatus.ADMITTED)
MEMBERS = (HERON, OTTER, LARK)
CLOSED = "!private:banyan.test"


@pytest.fixture
def see(network, accounts):
    """Return a world. `rooms` are seen besides; `change` is of the sight, the rest of our books."""

    def look(members=MEMBERS, *, rooms=(), change=None, baseline=None, of=None, **books):
        declared = of or network
        sight = sound(declared, accounts, members)
        sight = replace(sight, **{"rooms": [*sight.rooms, *rooms]} | (change or {}))
        kept = Books(rooms=standing(declared, accounts), members=members, **books)
        return world_of(sight, kept, declared, accounts, baseline or Baseline())

    return look


def room(world, key):
    return next(each for each in world.rooms if each.name == key)


def test_declared_rooms_are_known_by_our_books(see, accounts):
    """Who belongs there: members of the area, our seats, the warden."""
    alert = room(see(), "alert:KH")
    assert alert.place is Place.DECLARED
    assert alert.expected == {"@heron:banyan.test", "@otter:banyan.test", accounts.alarm, accounts.warden}
    assert alert.parent_id == room_id("space:KH")
    assert room(see(), "talk:KH").powers == {"@otter:banyan.test": 50}


def test_who_registered_a_moment_ago_is_no_stranger(see):
    """The gate joins them at once; our books say invited until the homeserver has told us."""
    invited = replace(HERON, status=MemberStatus.INVITED)
    assert "@heron:banyan.test" in room(see((invited, OTTER)), "talk:KH").expected
    frozen = replace(HERON, status=MemberStatus.FROZEN)
    assert "@heron:banyan.test" not in room(see((frozen, OTTER)), "talk:KH").expected


def test_a_room_that_is_gone_is_missing(see, accounts, network):
    """Our books know it, the homeserver does not."""
    left = [each for each in sound(network, accounts, MEMBERS).rooms if each.room_id != room_id("talk:KH")]
    assert [each.key for each in see(change={"rooms": left}).missing] == ["talk:KH"]
    assert see().missing == ()


def chat(maker, members, at=CLOSED):
    return SeenRoom(at, maker, "12", 1, members, {})


def test_a_chat_is_for_its_maker_and_one_more(see, accounts):
    """Of a private chat the two who are in it; where a third came in, nobody can tell who is meant."""
    two = {"@heron:banyan.test": "join", "@otter:banyan.test": "invite"}
    private = room(see(rooms=[chat("@heron:banyan.test", two)]), CLOSED)
    assert (private.place, private.expected) == (Place.PRIVATE, two.keys())
    three = two | {"@lark:banyan.test": "join"}
    assert room(see(rooms=[chat("@heron:banyan.test", three)]), CLOSED).expected == {"@heron:banyan.test"}
    unknown = {"@heron:banyan.test": "join", "@nobody:banyan.test": "join"}
    assert room(see(rooms=[chat("@heron:banyan.test", unknown)]), CLOSED).expected == {"@heron:banyan.test"}


def test_the_desks_chat_is_for_whom_our_books_say(see, accounts):
    """Not for whoever happens to be in it."""
    theirs = room(see(), HERON.chat)
    assert (theirs.place, theirs.expected) == (Place.CHAT, {accounts.desk, "@heron:banyan.test"})
    other = chat(accounts.desk, {accounts.desk: "join", "@lark:banyan.test": "join"})
    assert room(see(rooms=[other]), CLOSED).expected == {accounts.desk}


@pytest.mark.parametrize("maker", ["keeper", "warden", "stranger"])
def test_what_nobody_declared_is_stray(see, maker):
    """Nobody belongs there, whoever made it."""
    stray = room(see(rooms=[chat(f"@{maker}:banyan.test", {"@heron:banyan.test": "join"})]), CLOSED)
    assert (stray.place, stray.expected) == (Place.STRAY, frozenset())


def test_a_room_that_everybody_left_is_not_looked_at(see):
    """The homeserver forgets it by itself; somebody banned is not in it."""
    left = chat("@heron:banyan.test", {"@otter:banyan.test": "ban"})
    assert CLOSED not in {each.room_id for each in see(rooms=[left]).rooms}


def person(world, name):
    return next(each for each in world.people if each.member.localpart == name)


def test_what_a_member_can_see(see):
    """Other pseudonyms in declared rooms, ours left out; declared rooms and the desk's chat in their list."""
    private = chat("@heron:banyan.test", {"@heron:banyan.test": "join", "@lark:banyan.test": "join"})
    heron = person(see(rooms=[private]), "heron")
    assert heron.rooms == {"space:KH", "talk:KH", "guide:KH", "alert:KH"}
    assert (heron.sees, heron.entries) == (1, 5)
    assert person(see(), "lark").sees == 0


def test_a_member_is_known_by_the_identity_seen_first(see):
    """Nothing is changed before the first sight, nor while there is none."""
    assert not person(see(), "heron").identity_changed
    assert not person(see(identities={"@heron:banyan.test": "identity of heron"}), "heron").identity_changed
    assert person(see(identities={"@heron:banyan.test": "another"}), "heron").identity_changed


def test_an_identity_that_is_gone_is_not_another_one(see, network, accounts):
    """Nobody is mistaken for them; their devices are then told to be unsigned."""
    bare = [replace(each, master_key=None) for each in sound(network, accounts, MEMBERS).accounts]
    world = see(change={"accounts": bare}, identities={"@heron:banyan.test": "identity of heron"})
    assert not person(world, "heron").identity_changed


def test_a_token_of_ours_lets_in_one_person(see):
    """Synapse counts no uses of it, the gate gives it one name; one of somebody else's is as it is seen."""
    tokens = [SeenToken(name, None, 0, None) for name in ("open", "used", "foreign")]
    world = see(change={"tokens": tokens}, tokens=frozenset({"open"}), spent=frozenset({"used"}))
    uses = {each.digest: (each.uses_allowed, each.uses) for each in world.server.tokens}
    assert uses == {"open": (1, 0), "used": (1, 1), "foreign": (None, 0)}


def test_who_is_frozen_belongs_nowhere_and_is_looked_at_all_the_same(see, accounts):
    """A leaver has to be nowhere: that can be asked only of somebody who is among the people."""
    gone = replace(HERON, status=MemberStatus.FROZEN)
    world = see([gone, OTTER])
    assert person(world, "heron").rooms == frozenset()
    assert room(world, "alert:KH").expected == {"@otter:banyan.test", accounts.alarm, accounts.warden}
    assert room(world, HERON.chat).expected == {accounts.desk}


def test_our_accounts_belong_where_the_kinds_of_rooms_say(see, accounts, network):
    """The warden everywhere, keeper and registrar nowhere."""
    ours = {each.name: each for each in see(baseline=Baseline(devices={"desk": "DESK"})).ours}
    declared = {room_id(each.key) for each in standing(network, accounts)}
    assert ours["warden"].rooms == ours["warden"].expected == declared
    assert ours["keeper"].expected == ours["registrar"].expected == frozenset()
    assert ours["alarm"].expected == {each for each in declared if each.startswith("!alert:")}
    assert (ours["desk"].device_id, ours["desk"].anywhere) == ("DESK", True)
    assert HERON.chat in ours["desk"].rooms


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b.c": 1, "d": {"e": False}}),
        ("a.d.e", False),
        ("a.d", {"e": False}),
        ("a.x", None),
        ("a.d.e.f", None),
    ],
)
def test_settings_are_looked_up_by_dotted_path(path, value):
    """False is a value; nothing below a value is none."""
    assert lookup({"a": {"b.c": 1, "d": {"e": False}}}, path) == value


@pytest.mark.parametrize(
    ("running", "told"), [({}, None), ({"federation_domain_whitelist": []}, frozenset())]
)
def test_no_allow_list_means_everybody(see, running, told):
    """As Synapse reads it: an empty list is nobody, an absent one the whole world."""
    assert see(change={"settings": running}).server.whitelist == told


def test_partners_are_those_of_joint_rooms_that_are_not_cut(see, network):
    """A partner for whom no room is declared is not spoken with."""
    partners = {
        name: Partner(name=name, scope="TH", packages=("research",), server=f"{name}.example", people=())
        for name in ("near", "far", "unused")
    }
    joint = {"table": JointRoom(code_name="Teal", partners=("near", "far"), roles=("core_team",))}
    joined = network.model_copy(update={"partners": partners, "joint": joint})
    world = see(of=joined, cuts=frozenset({"far.example"}))
    assert world.server.partners == {"near.example"}


def test_what_was_registered_is_handed_on(see):
    """The baseline beside the running homeserver."""
    warden = SeenService("warden", "http://x", [("^@warden$", True)])
    baseline = Baseline([("a.b", 1, "so")], services={"warden": warden})
    server = see(baseline=baseline, change={"settings": {"a": {"b": 2}}}).server
    [setting] = server.settings
    assert (setting.key, setting.wanted, setting.running, setting.reason) == ("a.b", 1, 2, "so")
    assert server.known_services == {"warden": warden}


def test_a_setting_that_nobody_declared_is_judged_too(see):
    """`jwt_config` lets its holder log in as anybody, and stands in no table of what ought to be."""
    baseline = Baseline([("a.b", 1, "so")], frozenset({"a", "c"}))
    running = {"a": {"b": 1}, "c": 2, "jwt_config": {"enabled": True}}
    told = see(baseline=baseline, change={"settings": running}).server.settings
    assert [(each.key, each.wanted) for each in told] == [("a.b", 1), ("jwt_config", None)]


def test_the_moment_is_that_of_the_sight(see):
    """Waivers and terms are judged by when it was looked."""
    assert see(change={"at": NOON + timedelta(days=3)}).now == NOON + timedelta(days=3)
    assert RoomKey("space:staff") in {each.name for each in see().rooms}
