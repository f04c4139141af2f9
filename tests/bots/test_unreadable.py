"""What the desk cannot take."""

from dataclasses import replace

import pytest

from banyan.i18n import Text
from bots.client import Message, Trust
from bots.polls import POLL, RESPONSE
from bots.unreadable import NOT_TEXT, UNCONFIRMED, once_a_day, unreadable
from tests.fakes import FakeClock

TYPED = Message(
    room_id="!chat",
    event_id="$e",
    sender="@amber-heron:banyan.test",
    device_id="PHONE",
    type="m.room.message",
    content={"msgtype": "m.text", "body": "help"},
    encrypted=True,
    trust=Trust.OWNER_SIGNED,
    known_since=0,
    sent_at=0,
)


@pytest.mark.parametrize(
    "msgtype", ["m.audio", "m.image", "m.video", "m.file", "m.location", "m.emote", None]
)
def test_a_voice_message_is_answered_and_not_left_lying(msgtype):
    """Whatever is no text: who sent it would wait in vain."""
    said = unreadable(replace(TYPED, content={"msgtype": msgtype, "body": "voice.ogg"}))
    assert said == Text(NOT_TEXT)


@pytest.mark.parametrize("kind", ["m.sticker", POLL])
def test_neither_a_sticker_nor_a_poll_is_text(kind):
    """They are events of their own."""
    assert unreadable(replace(TYPED, type=kind, content={"body": "x"})) == Text(NOT_TEXT)


@pytest.mark.parametrize("trust", [Trust.UNSIGNED, Trust.CHANGED, Trust.UNKNOWN])
@pytest.mark.parametrize("kind", ["m.room.message", RESPONSE])
def test_who_speaks_from_a_device_they_have_not_confirmed_is_told(trust, kind):
    """Their words and taps do not count, and they have to know it."""
    assert unreadable(replace(TYPED, type=kind, trust=trust)) == Text(UNCONFIRMED)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"type": RESPONSE, "content": {RESPONSE: {"answers": ["1"]}}},
        {"type": "m.reaction", "content": {}, "encrypted": False, "trust": Trust.UNKNOWN},
        {"type": "m.room.redaction", "content": {"redacts": "$x"}, "encrypted": False},
        {"content": {"msgtype": "m.notice", "body": "beep"}},
        {"content": {"msgtype": "m.notice", "body": "beep"}, "trust": Trust.UNSIGNED},
        {"content": {"msgtype": "m.key.verification.request", "to": "@desk:banyan.test"}},
        {"type": "m.key.verification.cancel", "content": {}},
        {"content": {"msgtype": "m.image"}, "encrypted": False, "trust": Trust.UNKNOWN},
    ],
    ids=str,
)
def test_nothing_is_said_to_the_rest(changes):
    """What is understood, what no person wrote, and what the homeserver could have made up."""
    assert unreadable(replace(TYPED, **changes)) is None


def test_it_is_said_once_a_day_to_each_for_each_reason():
    """Twenty pictures bring one answer."""
    clock = FakeClock()
    seen = {once_a_day(Text(NOT_TEXT), "m1", clock.now()) for _ in range(20)}
    clock.forward(hours=24)
    others = {
        once_a_day(Text(NOT_TEXT), "m1", clock.now()),
        once_a_day(Text(UNCONFIRMED), "m1", clock.now()),
        once_a_day(Text(NOT_TEXT), "m2", clock.now()),
    }
    assert len(seen) == 1
    assert len(seen | others) == 4
