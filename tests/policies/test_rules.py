"""All rules together: a sound world, hostile state, and what they say."""

import re
from dataclasses import replace
from string import Formatter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banyan.domain.findings import Severity
from banyan.domain.people import MemberStatus
from policies.rules import BY_ID, EXACT, RULES, SPECIAL, sentences
from tests.policies import test_duty_rules, test_people_rules, test_room_rules, test_server_rules
from tests.policies.worlds import (
    FIRST,
    JOINT,
    PRIVATE,
    SPACE,
    TALK,
    found,
    judged,
    sound,
    with_person,
    with_state,
)

TRIED = [
    *test_room_rules.CASES.values(),
    *test_server_rules.CASES.values(),
    *test_people_rules.CASES.values(),
    *test_people_rules.ELSEWHERE.values(),
    *test_duty_rules.CASES.values(),
]
WORLD = sound()
LONGEST = 110


def test_a_sound_world_has_no_findings():
    """An untouched network gives nobody work; what four people cannot keep apart is told beside it."""
    judgement = judged(WORLD)
    assert judgement.findings == judgement.waived == ()
    assert {finding.rule for finding in judgement.separations} == {
        "duty-invite-approve",
        "duty-invite-audit",
        "duty-approve-audit",
        "duty-freeze-audit",
        "duty-roles-audit",
    }


def test_every_rule_is_tried():
    """No rule without a world that breaks it."""
    assert {rule for rule, *_ in TRIED} == BY_ID.keys()
    assert len(BY_ID) == len(RULES)


@pytest.mark.parametrize("world", [world for _, world, *_ in TRIED])
def test_what_is_found_fills_its_sentences(world):
    """Every value that a title or a remedy asks for is there, and is a word or a number."""
    judgement = judged(world)
    for finding in (*judgement.findings, *judgement.separations):
        for text in sentences(finding):
            needed = {field for _, field, _, _ in Formatter().parse(text) if field}
            assert needed <= finding.values.keys()
        assert all(type(value) in (str, int) for value in finding.values.values())
        assert not any("@" in str(value) for value in finding.values.values())


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.id)
def test_sentences_are_short_and_whole(each):
    """One line of a chat; what to do about it is never missing."""
    assert re.fullmatch("[a-z]+(-[a-z]+)+", each.id)
    assert len(each.title) <= LONGEST
    assert len(each.remedy) <= LONGEST
    assert each.title.endswith(".")
    assert each.remedy.endswith(".")


def test_a_waiver_can_name_what_its_rule_asks_for():
    """Every finding has the values by which alone it can be waived."""
    tried = set()
    for module in (test_duty_rules, test_people_rules, test_room_rules, test_server_rules):
        for _, world, *_ in module.CASES.values():
            for finding in judged(world).findings:
                assert {*EXACT.get(finding.rule, ())} <= finding.values.keys()
                tried.add(finding.rule)
    assert EXACT.keys() - tried <= {"device-unsigned-staff", "role-abroad"}, "which stand in no table"


def test_a_rule_of_another_version_still_has_words():
    """An audit that was kept can be read after an upgrade."""
    [finding] = judged(with_person(WORLD, identity_changed=True)).findings
    title, remedy = sentences(replace(finding, rule="long-gone"))
    assert title
    assert remedy
    assert all(len(text) <= LONGEST for pair in SPECIAL.values() for text in pair)


words = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4000),
    st.text(max_size=8),
    st.sampled_from(["100", "joined", "m.megolm.v1.aes-sha2", "\ud800", "\x00", "{who}"]),
)
junk = st.recursive(
    words,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KNOWN = sorted({key for room in WORLD.rooms for key in room.state} | {("m.room.topic", "")})
PARTS = (
    "users",
    "events",
    "notifications",
    "users_default",
    "invite",
    "algorithm",
    "allow",
    "via",
    "name",
    "id",
)
contents = st.one_of(junk, st.dictionaries(st.sampled_from([*PARTS, "type", "m.federate"]), junk, max_size=4))
keys = st.one_of(st.sampled_from(KNOWN), st.tuples(st.text(max_size=5), st.text(max_size=5)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(st.sampled_from([TALK, SPACE, JOINT, PRIVATE]), st.dictionaries(keys, contents))
def test_no_state_confuses_a_rule(key, state):
    """Wrong types everywhere are drift and never an exception: an exception would hide what else is wrong."""
    world = WORLD
    for (kind, state_key), content in state.items():
        world = with_state(world, key, kind, content if content is not None else [], state_key)
    findings = judged(world).findings
    assert "not-checked" not in {finding.rule for finding in findings}
    for finding in findings:
        assert all(len(str(value)) < 200 for value in finding.values.values())


def test_a_member_who_is_only_invited_is_not_judged():
    """Until somebody has come in, there is nothing to say of them."""
    facts = next(each for each in WORLD.people if each.member.localpart == FIRST)
    invited = replace(facts.member, status=MemberStatus.INVITED)
    world = with_person(WORLD, member=invited, account=None, since=None, vetted=None)
    assert not {rule for rule, subject in found(world) if subject == FIRST}


def test_all_severities_are_used():
    """Words that nothing is called are no words."""
    assert {each.severity for each in RULES} == set(Severity)
