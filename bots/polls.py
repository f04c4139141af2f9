"""Polls, as Element shows them: a question in a member's chat that is answered by a tap.

Element draws only the unstable type (MSC3381); the stable one is an empty tile. The ids of the answers are
the caller's: made for one question and opaque, they say by themselves what was answered, so a response counts
by its id alone and nobody has to believe which poll the homeserver says it belongs to.
"""

from collections.abc import Sequence

from bots.client import Message
from bots.texts import Content, no_mentions

POLL = "org.matrix.msc3381.poll.start"
RESPONSE = "org.matrix.msc3381.poll.response"
TEXT = "org.matrix.msc1767.text"
DISCLOSED = "org.matrix.msc3381.poll.disclosed"
"""Whoever answers sees that it was taken; there is nobody else in the chat to see it."""

MOST_ANSWERS = 20
"""What Element shows at most."""


def poll(question: str, answers: Sequence[tuple[str, str]]) -> Content:
    """Return the content of a `POLL` event: single choice, each answer an id and a text.

    The texts are plain and ready to be read. Clients that know no polls show them as a numbered list. Raises
    `ValueError` when there are no answers, too many, or two with one id.
    """
    if not 1 <= len({answer_id for answer_id, _ in answers}) == len(answers) <= MOST_ANSWERS:
        raise ValueError("a poll has up to twenty answers, each with an id of its own")
    asked = no_mentions(question)
    offered = [(answer_id, no_mentions(text)) for answer_id, text in answers]
    lines = [asked, *(f"{number}. {text}" for number, (_, text) in enumerate(offered, 1))]
    return {
        POLL: {
            "question": {TEXT: asked, "body": asked, "msgtype": "m.text"},
            "kind": DISCLOSED,
            "max_selections": 1,
            "answers": [{"id": answer_id, TEXT: text} for answer_id, text in offered],
        },
        TEXT: "\n".join(lines),
        "m.mentions": {},
    }


def answers_of(message: Message) -> list[str]:
    """Return the ids that a message picks in a poll; none for any other message and for a vote taken back."""
    response = message.content.get(RESPONSE) if message.type == RESPONSE else None
    picked = response.get("answers") if isinstance(response, dict) else None
    if not isinstance(picked, list):
        return []
    return [each for each in picked[:MOST_ANSWERS] if isinstance(each, str)]
