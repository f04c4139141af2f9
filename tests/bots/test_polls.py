"""A question with answers to tap."""

import pytest

from bots.client import Message, Trust
from bots.polls import POLL, RESPONSE, TEXT, answers_of, poll

ANSWERS = [("7c41", "I am safe"), ("e0d2", "I need help"), ("19b3", "I cannot talk")]


def heard(content, type=RESPONSE):  # noqa: A002
    return Message("!chat", "$e", "@m:banyan.test", "PHONE", type, content, True, Trust.OWNER_SIGNED, 0, 0)


def test_a_poll_reads_as_a_numbered_list_where_polls_are_not_known():
    """Whoever has an old app can type the digit."""
    content = poll("Are you safe?", ANSWERS)
    assert content[TEXT] == "Are you safe?\n1. I am safe\n2. I need help\n3. I cannot talk"


def test_a_poll_takes_one_answer_by_the_ids_it_was_given():
    """Nothing of the ids is ours: they come back as they were."""
    started = poll("Are you safe?", ANSWERS)[POLL]
    assert started["max_selections"] == 1
    assert [(each["id"], each[TEXT]) for each in started["answers"]] == ANSWERS


def test_a_poll_mentions_nobody():
    """What comes from outside cannot ring a phone."""
    content = poll("@room?", [("1", "@room yes")])
    assert "@room" not in str(content)
    assert content["m.mentions"] == {}


@pytest.mark.parametrize("answers", [[], [("1", "a"), ("1", "b")], [(str(n), "x") for n in range(21)]])
def test_a_poll_that_cannot_be_answered_is_refused(answers):
    """No answer, two that come back as one, or more than Element shows."""
    with pytest.raises(ValueError, match="twenty"):
        poll("Well?", answers)


def test_the_answer_is_read_from_the_response():
    """Whichever poll the homeserver says it is about."""
    content = {"m.relates_to": {"rel_type": "m.reference", "event_id": "$any"}}
    assert answers_of(heard(content | {RESPONSE: {"answers": ["7c41"]}})) == ["7c41"]


@pytest.mark.parametrize(
    "response",
    [None, [], {}, {"answers": None}, {"answers": "7c41"}, {"answers": []}, {"answers": [7, None]}],
    ids=str,
)
def test_what_is_no_answer_is_none(response):
    """A vote taken back, and shapes that no app sends."""
    assert answers_of(heard({RESPONSE: response})) == []
    assert answers_of(heard({})) == []


def test_a_message_that_looks_like_an_answer_is_none():
    """Only the event type says what an event is."""
    assert answers_of(heard({RESPONSE: {"answers": ["7c41"]}}, type="m.room.message")) == []
