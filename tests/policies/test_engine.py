"""Asking the rules: what is waived, what could not be checked, what order findings come in."""

from dataclasses import replace

import pytest

from banyan.domain.findings import About, Severity
from banyan.domain.people import MemberStatus
from policies.engine import IDLE, NOT_CHECKED, OVER, Unknown, judge, rule
from policies.rules import EXACT
from tests.policies.worlds import (
    FIRST,
    NOW,
    OURS,
    PRIVATE,
    TALK,
    days,
    device,
    example,
    found,
    judged,
    room,
    sound,
    waiver,
    with_account,
    with_member,
    with_ours,
    with_person,
    with_room,
    with_state,
)

SETTING = ("m.room.guest_access", "")


def guests(*waivers):
    """A network in which guests may come into one room, and that has these waivers."""
    world = sound(example(waivers=waivers))
    return judged(with_state(world, TALK, "m.room.guest_access", None))


@pytest.mark.parametrize("subject", [TALK, "*"])
@pytest.mark.parametrize("until", [NOW, NOW + days(30)])
def test_a_waiver_covers_until_its_last_day_is_over(subject, until):
    """It is said until when; the finding is no longer open."""
    judgement = guests(waiver("room-guests", subject, until))
    assert judgement.findings == ()
    [finding] = judgement.waived
    assert finding.waived.date() == (until + days(1)).date()


def test_a_waiver_that_has_ended_is_a_finding_beside_what_it_covered():
    """Nobody has to remember it."""
    judgement = guests(waiver("room-guests", TALK, NOW - days(1)))
    assert [finding.rule for finding in judgement.findings] == ["room-guests", OVER]
    assert judgement.waived == ()


@pytest.mark.parametrize("each", [waiver("room-guests", "talk:TH"), waiver("room-history", TALK)])
def test_a_waiver_covers_nothing_else(each):
    """Another room, or another rule, stays open."""
    assert [finding.rule for finding in guests(each).findings] == ["room-guests"]


def test_a_waiver_of_a_rule_that_does_not_exist_is_told():
    """A misspelt waiver would otherwise be believed to cover something."""
    judgement = guests(waiver("rooms-guests"))
    assert [finding.rule for finding in judgement.findings] == ["room-guests", IDLE]


def strangers(*waivers):
    """Two are in a room where they do not belong, and the network has these waivers."""
    world = sound(example(waivers=waivers))
    for name in ("brisk-oar", "sunny-pier"):
        world = with_member(world, TALK, OURS.member(name))
    return judged(world)


def test_a_waiver_of_one_stranger_covers_no_later_one():
    """Who it is for stands in it."""
    judgement = strangers(waiver("room-stranger", TALK, who="brisk-oar"))
    assert [each.values["who"] for each in judgement.waived] == ["brisk-oar"]
    assert [each.values["who"] for each in judgement.findings if each.rule == "room-stranger"] == [
        "sunny-pier"
    ]


@pytest.mark.parametrize(
    "each",
    [
        waiver("room-stranger", TALK),
        waiver("room-stranger", "*", who="brisk-oar"),
        waiver("room-stranger", TALK, name="brisk-oar"),
        waiver("room-stranger", TALK, who="brisk-oar", name="x"),
    ],
)
def test_a_waiver_that_does_not_say_whom_it_is_for_covers_nobody(each):
    """However the network came to have it."""
    assert strangers(each).waived == ()


def test_another_device_is_not_covered():
    """As many as before, and one of them another: it is found."""

    def unsigned(device_id, *waivers):
        devices = (device(), device(device_id=device_id, signed=False))
        return judged(with_account(sound(example(waivers=waivers)), FIRST, devices=devices))

    [seen] = unsigned("A").findings
    covers = waiver("device-unsigned", FIRST, devices=seen.values["devices"])
    assert unsigned("A", covers).findings == ()
    assert [each.rule for each in unsigned("B", covers).findings] == ["device-unsigned"]


def as_seen(finding):
    """The waiver that somebody writes who lives with a finding: all that its rule wants to have named."""
    only = {name: finding.values[name] for name in EXACT[finding.rule]}
    return waiver(finding.rule, finding.subject.name, **only)


def powers(**over):
    """A room with other power levels than it ought to have."""
    return lambda world: with_state(
        world, TALK, "m.room.power_levels", {**room(world, TALK).content("m.room.power_levels"), **over}
    )


def gone(*devices, rooms=()):
    """Somebody frozen who still has these devices."""

    def changed(world):
        [member] = [each.member for each in world.people if each.member.localpart == FIRST]
        frozen = replace(member, status=MemberStatus.FROZEN)
        world = with_person(world, FIRST, member=frozen, rooms=frozenset(rooms))
        return with_account(world, FIRST, devices=devices)

    return changed


def astray(*rooms):
    return lambda world: with_ours(world, "alarm", rooms=frozenset(rooms))


def crowd(*people):
    return lambda world: with_room(world, PRIVATE, members=dict.fromkeys(people, "join"))


TWO = (OURS.member("a"), OURS.member("b"))
ALMOST = {
    "a lower level": ("power-open", powers(invite=99), powers(invite=0)),
    "another fourth key": ("power-levels", powers(a=1, b=1, c=1, d=1), powers(a=1, b=1, c=1, e=1)),
    "everybody is heard": ("power-levels", powers(redact=49), powers(redact=0)),
    "another device of who is gone": (
        "member-leaver",
        gone(device(device_id="A")),
        gone(device(device_id="B")),
    ),
    "another fourth room": ("account-astray", astray("!1", "!2", "!3", "!4"), astray("!1", "!2", "!3", "!5")),
    "another third": ("chat-crowded", crowd(*TWO, OURS.member("c")), crowd(*TWO, OURS.member("d"))),
    "other keys under the same id": (
        "device-unsigned",
        lambda world: with_account(world, FIRST, devices=(device(), unsigned("A", "old"))),
        lambda world: with_account(world, FIRST, devices=(device(), unsigned("A", "new"))),
    ),
    "one device by the name of two": (
        "device-unsigned",
        lambda world: with_account(world, FIRST, devices=(device(), unsigned("A"), unsigned("B"))),
        lambda world: with_account(world, FIRST, devices=(device(), unsigned("A \nB"))),
    ),
}


def unsigned(device_id, digest=""):
    return device(device_id=device_id, signed=False, digest=digest)


@pytest.mark.parametrize("case", ALMOST)
def test_what_looks_nearly_the_same_is_not_covered(case):
    """A waiver covers what was seen, wholly, also where the sentence names three and says how many more."""
    rule_id, before, after = ALMOST[case]
    [seen] = [each for each in judged(before(sound())).findings if each.rule == rule_id]
    world = sound(example(waivers=(as_seen(seen),)))
    assert [each.rule for each in judged(before(world)).waived] == [rule_id]
    assert rule_id in {each.rule for each in judged(after(world)).findings}


def test_no_waiver_covers_the_waivers():
    """Else one line would turn all reminders off."""
    over = waiver("room-guests", until=NOW - days(1))
    assert (OVER, "room-guests") in found(sound(example(waivers=(over, waiver(OVER)))))


@pytest.mark.parametrize("fault", [Unknown, ValueError("what somebody wrote"), RecursionError])
def test_a_rule_that_fails_counts_as_broken(fault):
    """What is not known to be right is not right; what made it fail is not repeated."""

    @rule("never-known", about=About.MEMBER, severity=Severity.NOTICE, title="", remedy="")
    def never(_person, _world):
        yield {}
        raise fault

    judgement = judge(sound(), [never])
    assert {finding.rule for finding in judgement.findings} == {NOT_CHECKED}
    assert {finding.severity for finding in judgement.findings} == {Severity.BREACH}
    assert all(finding.values == {"rule": "never-known"} for finding in judgement.findings)
    waived = judge(sound(example(waivers=(waiver(NOT_CHECKED), waiver("never-known")))), [never])
    assert not waived.waived, "nobody can live with what nobody knows"
    assert {finding.rule for finding in waived.findings} == {NOT_CHECKED, IDLE}


def test_the_worst_comes_first():
    """Five lines are read: they begin with what cannot wait."""
    world = with_person(sound(), FIRST, unanswered=3, identity_changed=True)
    judgement = judged(with_state(world, TALK, "m.room.name", None))
    severities = [finding.severity for finding in judgement.findings]
    assert severities == sorted(severities, reverse=True)
    assert judgement.worst is Severity.BREACH
    assert judgement.count(Severity.WARNING) == 2
