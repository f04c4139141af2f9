"""Rules of members and their devices, each at, above and without its limit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banyan.domain.people import MemberStatus, Placement
from banyan.services.pseudonyms import QUALITIES, THINGS
from policies.rules.devices import _neutral
from tests.policies.worlds import (
    FIRST,
    NETWORK,
    NOW,
    days,
    device,
    example,
    found,
    judged,
    limited,
    sound,
    with_account,
    with_person,
)

WORLD = sound()
LIMITS = NETWORK.limits
FOCAL, OFFICER = "calm-kite", "plain-gate"


def one(localpart=FIRST, **changes):
    return with_person(WORLD, localpart, **changes)


def account(localpart=FIRST, **changes):
    return with_account(WORLD, localpart, **changes)


def devices(*each):
    return account(devices=each)


def member(localpart=FIRST, world=WORLD, **changes):
    facts = next(each for each in world.people if each.member.localpart == localpart)
    return with_person(world, localpart, member=replace(facts.member, **changes))


def named(name):
    return devices(device(name))


def gone(status, **changes):
    """The first member without a place, out of all rooms."""
    world = member(status=status)
    rooms = tuple(
        replace(
            room,
            expected=room.expected - {f"@{FIRST}:home.example"},
            members={user: how for user, how in room.members.items() if user != f"@{FIRST}:home.example"},
        )
        for room in world.rooms
    )
    return with_account(with_person(replace(world, rooms=rooms), rooms=frozenset()), **changes)


def held(role, **changes):
    roles = {**NETWORK.roles, role: NETWORK.roles[role].model_copy(update=changes)}
    return sound(example(roles=roles))


def placed(area="KH", themes=(), roles=()):
    return member(placement=Placement(area, frozenset(themes), frozenset(roles)))


UNSIGNED = device(signed=False)
CASES = {
    "frozen, with a device": ("member-leaver", gone(MemberStatus.FROZEN, locked=True)),
    "expired, with a device": ("member-leaver", gone(MemberStatus.EXPIRED)),
    "frozen, in a room": (
        "member-leaver",
        with_person(gone(MemberStatus.FROZEN, devices=()), rooms=frozenset({"talk:KH"})),
    ),
    "vetting ran out": ("vetting-overdue", one(vetted=NOW - days(LIMITS.vetting_days + 1))),
    "just ran out": (
        "vetting-overdue",
        one(vetted=NOW - days(LIMITS.vetting_days + 0.00002)),
    ),
    "never vetted again": ("vetting-overdue", one(vetted=None, since=NOW - days(LIMITS.vetting_days + 1))),
    "ran out, and silent": ("vetting-silent", one(vetted=NOW - days(LIMITS.vetting_days + 1), unanswered=1)),
    "provisional": (
        "member-provisional",
        with_person(devices(UNSIGNED), since=NOW - days(LIMITS.provisional_days + 0.1)),
    ),
    "never logged in": ("member-provisional", account(devices=())),
    "no account": ("member-provisional", one(account=None)),
    "dormant": ("member-dormant", one(unanswered=LIMITS.unanswered_questions)),
    "area gone": ("member-misplaced", placed("PH")),
    "theme gone": ("member-misplaced", placed(themes=["tides"])),
    "role gone": ("member-misplaced", placed(roles=["jester"])),
    "two staff rooms too many": (
        "member-sensitive",
        one(rooms=frozenset({"staff:a", "staff:b", "staff:c", "joint:d", "talk:KH", "space:KH"})),
    ),
    "a long list": ("member-entries", one(entries=LIMITS.rooms_per_member + 1)),
    "meets too many": ("member-sees", one(sees=LIMITS.visible_members + 1)),
    "one unsigned device": ("device-unsigned", devices(device(), UNSIGNED)),
    "too many devices": ("device-many", devices(*[device()] * (LIMITS.devices_per_member + 1))),
    "too many sessions": ("device-many", devices(*[device()] * 4, device(encrypts=False))),
    "a person's name": ("device-telling", named("Mary's iPhone")),
    "a model": ("device-telling", named("Element Android (SM-G991B)")),
    "another identity": ("member-identity", one(identity_changed=True)),
    "another name": ("member-profile", account(display_name="Mary")),
    "a picture": ("member-profile", account(has_picture=True)),
}


@pytest.mark.parametrize("case", CASES)
def test_each_drift_of_a_member_is_found_once_and_as_what_it_is(case):
    """The rule finds it, about that member; no other rule cries."""
    rule, world = CASES[case]
    assert {each for each in found(world) if each[0] != "room-absent"} == {(rule, FIRST)}


ELSEWHERE = {
    "staff with an unsigned device": (
        "device-unsigned-staff",
        account(OFFICER, devices=(device(), UNSIGNED)),
        OFFICER,
    ),
    "focal point abroad": ("role-abroad", one(FOCAL, rooms=frozenset({"talk:KH", "guide:TH"})), FOCAL),
    "focal point in another cell": (
        "role-abroad",
        one(FOCAL, rooms=frozenset({"talk:KH", "talk:MM-1"})),
        FOCAL,
    ),
    "role held too long": ("role-term", one(FOCAL, terms={"focal_point": NOW - days(365.1)}), FOCAL),
    "too many officers": ("role-crowded", held("security_officer", most=1), "security_officer"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_each_drift_of_a_role_is_found_once_and_as_what_it_is(case):
    """As for members, about whom the case names."""
    rule, world, subject = ELSEWHERE[case]
    assert found(world) == {(rule, subject)}


HARMLESS = {
    "frozen and gone": gone(MemberStatus.FROZEN, devices=()),
    "frozen, the account never made": with_person(gone(MemberStatus.FROZEN), account=None),
    "an officer in another country's room": one(OFFICER, rooms=frozenset({"talk:TH", "talk:KH"})),
    "frozen and deactivated": gone(MemberStatus.FROZEN, deactivated=True),
    "vetting on its last day": one(vetted=NOW - days(LIMITS.vetting_days)),
    "silent but vetted": one(unanswered=LIMITS.unanswered_questions - 1),
    "new and unsigned": with_person(devices(UNSIGNED), since=NOW - days(LIMITS.provisional_days)),
    "as many sensitive rooms": one(rooms=frozenset({"staff:a", "staff:b", "joint:c", "talk:KH"})),
    "a list that is long enough": one(entries=LIMITS.rooms_per_member, sees=LIMITS.visible_members),
    "staff see more": one(OFFICER, entries=99, sees=999),
    "as many devices": devices(*[device()] * LIMITS.devices_per_member),
    "a session without keys": devices(device(), device(encrypts=False, signed=False)),
    "no name shown": account(display_name=""),
    "a role on its last day": one(FOCAL, terms={"focal_point": NOW - days(365)}),
    "a full role": held("security_officer", most=2),
    "a focal point in a theme": one(FOCAL, rooms=frozenset({"talk:KH", "theme:climate", "staff:a"})),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_at_the_limit_nothing_is_found(case):
    """The limit itself is allowed."""
    assert found(HARMLESS[case]) == set()


@pytest.mark.parametrize("localpart", [FIRST, OFFICER])
def test_of_those_who_have_gone_only_what_they_still_have_is_said(localpart):
    """A frozen member with every fault there is gives one finding: the access that was left."""
    world = account(
        localpart, devices=(device("Mary"), *[UNSIGNED] * 9), has_picture=True, display_name="Mary"
    )
    world = member(localpart, world, status=MemberStatus.FROZEN)
    old, rooms = NOW - days(999), frozenset({"staff:a", "staff:b", "staff:c", "staff:d", "talk:MM-1"})
    world = with_person(world, localpart, since=old, vetted=old, identity_changed=True, entries=99, sees=999)
    for unanswered in (0, 9):
        gone = with_person(world, localpart, unanswered=unanswered, rooms=rooms, terms={})
        assert {rule for rule, subject in found(gone) if subject == localpart} == {"member-leaver"}
        placement = Placement("PH", roles=frozenset({"jester"}))
        gone = with_account(member(localpart, gone, placement=placement), localpart, devices=(UNSIGNED,))
        assert {rule for rule, subject in found(gone) if subject == localpart} == {"member-leaver"}


def test_of_a_member_without_an_account_only_that_is_said():
    """Nothing else can be seen of them."""
    world = one(account=None, identity_changed=True)
    assert found(world) == {("member-provisional", FIRST)}


@pytest.mark.parametrize("changes", [{"since": None, "vetted": None}, {"terms": {}}])
def test_what_cannot_be_known_counts_as_broken(changes):
    """Without the day of admission, or since when a role is held, nobody can say that all is well."""
    assert found(one(FOCAL, **changes)) == {("not-checked", FOCAL)}


def test_a_role_is_counted_in_each_area():
    """Two focal points of two countries are not two of one; an invited one counts."""
    roles = {**NETWORK.roles, "focal_point": NETWORK.roles["focal_point"].model_copy(update={"most": 1})}
    world = sound(example(roles=roles))

    def with_second(area, status):
        placement = Placement(area, roles=frozenset({"focal_point"}))
        second = replace(world.people[2], terms={"focal_point": NOW})
        second = replace(second, member=replace(second.member, placement=placement, status=status))
        return replace(world, people=(*world.people, second))

    crowded = ("role-crowded", "focal_point")
    assert crowded not in found(with_second("TH", MemberStatus.ADMITTED))
    assert crowded in found(with_second("KH", MemberStatus.ADMITTED))
    assert crowded in found(with_second("KH", MemberStatus.INVITED))
    assert crowded not in found(with_second("KH", MemberStatus.FROZEN))


def test_limits_are_those_of_the_network_file():
    """With other numbers other things are found."""
    strict = sound(limited(vetting_days=99, provisional_days=1, unanswered_questions=1, visible_members=6))
    assert {rule for rule, _ in found(strict)} == {"vetting-overdue", "member-sees"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Element",
        "Element X Android",
        "home.example",
        "Element X iOS",
        "Element Desktop: Linux",
        "app.element.io: Firefox on Windows",
        "chat.home.example: Chrome on macOS",
        "0a1b2c3d4e5f",
    ],
)
def test_a_name_that_an_app_gives_says_nothing(name):
    """What members have when they change nothing is no finding: a rule that always cries is not heard."""
    assert found(named(name)) == set()


@pytest.mark.parametrize(
    "name",
    ["iPhone 14", "Redmi Note 9", "me@mail.example", "မမ", "Rangoon office", "SM-A515F", "evil.example"],
)
def test_any_other_name_may_tell(name):
    """A model, an address, a person, a place; the finding does not say it again."""
    [finding] = judged(named(name)).findings
    assert finding.rule == "device-telling"
    assert finding.values == {"count": 1}


@given(st.text(max_size=30))
def test_no_device_name_confuses_the_rule(name):
    """Whatever it is called, the answer is yes or no."""
    assert _neutral(name, "home.example") in (True, False)


@given(st.sampled_from(QUALITIES), st.sampled_from(THINGS))
def test_no_pseudonym_is_a_neutral_device_name(quality, thing):
    """Who writes their pseudonym, or another's, on a device ties the two together."""
    assert not _neutral(f"{quality}-{thing}", "home.example")
