"""What power levels and other guarding state may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.domain.rooms import RoomKind
from homeserver.gate.guarded import is_closed_enough
from homeserver.hardening import HARDENING
from policies.rooms import power_levels
from tests.homeserver.networks import ACCOUNTS, mekong, rooms

OURS = frozenset({"@warden:x"})
GOOD = HARDENING["default_power_level_content_override"].value["private_chat"]


def levels(**changes):
    return GOOD | {"users": {"@warden:x": 100, "@focal:x": 50}, "users_default": 0} | changes


def safe(content) -> bool:
    return is_closed_enough("m.room.power_levels", content, trusted=OURS, server="x")


def test_the_levels_we_set_pass():
    """The gate must not refuse what the network itself declares."""
    assert safe(levels())


def test_every_declared_room_passes():
    """What `apply` asks for is never what the gate refuses."""
    ours = frozenset(getattr(ACCOUNTS, name) for name in ("warden", "desk", "alarm", "steward"))
    for room in rooms(mekong(), powers={}):
        for event in room.state("!space" if room.parent else None):
            assert is_closed_enough(event.type, event.content, trusted=ours, server="banyan.test"), event.type


@pytest.mark.parametrize("key", ["invite", "kick", "ban", "state_default"])
def test_leaving_a_level_out_is_not_a_way_in(key):
    """The specification's defaults are far lower."""
    assert not safe({name: value for name, value in levels(events={}).items() if name != key})


@given(level=st.one_of(st.integers(51, 1000), st.text(max_size=3), st.none(), st.floats(allow_nan=True)))
def test_no_person_holds_more_than_50(level):
    """Neither named nor by default, nor by something that is not a number."""
    assert not safe(levels(users={"@warden:x": 100, "@focal:x": level}))
    assert not safe(levels(users_default=level))


@given(
    key=st.sampled_from(["invite", "kick", "ban"]), level=st.one_of(st.integers(-5, 99), st.text(max_size=3))
)
def test_inviting_and_removing_need_100(key, level):
    """Whatever else is set."""
    assert not safe(levels(**{key: level}))


@given(
    kind=st.sampled_from(["m.room.encryption", "m.room.power_levels", "m.room.join_rules"]),
    level=st.integers(-5, 99),
)
def test_guarded_settings_need_100(kind, level):
    """A level for one type is lower than the default for all."""
    assert not safe(levels(events=GOOD["events"] | {kind: level}))


@pytest.mark.parametrize("users", [None, [], "x"])
def test_nonsense_is_refused(users):
    """Synapse may read it otherwise than we do."""
    assert not safe(levels(users=users))


@pytest.mark.parametrize(
    ("kind", "content", "passes"),
    [
        ("m.room.history_visibility", {"history_visibility": "joined"}, True),
        ("m.room.history_visibility", {"history_visibility": "shared"}, False),
        ("m.room.history_visibility", {}, False),
        ("m.room.join_rules", {"join_rule": "restricted"}, True),
        ("m.room.join_rules", {"join_rule": "knock"}, False),
        ("m.room.guest_access", {"guest_access": "can_join"}, False),
        ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, True),
        ("m.room.encryption", {}, False),
        ("m.room.name", {"name": "anything"}, True),
    ],
)
def test_other_guarding_state(kind, content, passes):
    """Closed by content."""
    assert is_closed_enough(kind, content, trusted=OURS, server="x") is passes


@pytest.mark.parametrize(
    ("user", "most"), [("@warden:x", 100), ("@focal:x", 50), ("@guest:partner.test", 0), ("nonsense", 0)]
)
def test_each_holds_so_much_and_no_more(user, most):
    """Ours all of it, members half, people of partner servers none; nobody a thousand."""
    assert safe(levels(users={"@warden:x": 100, user: most}))
    for more in (most + 1, 1000, "0", None, True, 0.5):
        assert not safe(levels(users={"@warden:x": 100, user: more}))


@pytest.mark.parametrize("kind", ["m.room.name", "m.space.child", "m.room.third_party_invite", "x.y"])
def test_only_what_is_said_has_a_level_of_its_own(kind):
    """A type that nobody thought of is a setting."""
    assert not safe(levels(events=GOOD["events"] | {kind: 0}))
    assert safe(levels(events=GOOD["events"] | {kind: 100, "m.room.encrypted": 0, "m.reaction": 50}))


@pytest.mark.parametrize("kind", RoomKind)
def test_a_frozen_room_passes(kind):
    """The reconciler freezes as the warden: the gate must not stand in its way."""
    content = power_levels(kind, ACCOUNTS, {"@focal:banyan.test": 50}, frozen=True)
    ours = frozenset(getattr(ACCOUNTS, name) for name in ("warden", "desk", "alarm", "steward"))
    assert is_closed_enough("m.room.power_levels", content, trusted=ours, server="banyan.test")
