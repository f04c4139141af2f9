"""What the desk cannot take: it says so kindly, once a day, instead of leaving somebody to wait in vain."""

from datetime import datetime

from banyan.i18n import N_, Text
from bots.client import Message, Trust
from bots.polls import POLL, RESPONSE

NOT_TEXT = N_(
    "I can read only text, and I did nothing with what you sent. Please type it, or write “help” to see what "
    "I can do."
)
UNCONFIRMED = N_(
    "This came from a device you have not confirmed. I did nothing. Confirm that device in its settings, "
    "with your recovery key or another device of yours, and then send it again."
)
_REASONS = {NOT_TEXT: "not-text", UNCONFIRMED: "unconfirmed"}

_FOR_APPS = ("m.notice", "m.key.verification.request")
"""Kinds of messages that no person writes: to answer them would let two programs talk for ever."""


def unreadable(message: Message) -> Text | None:
    """Return what to say to a message that cannot be taken; None when it can be, or when nobody waits.

    Nothing is said to what came in clear: only the homeserver could have sent that, or made it up.
    """
    if not message.encrypted or not _said_by_a_person(message):
        return None
    if message.trust is not Trust.OWNER_SIGNED:
        return Text(UNCONFIRMED)
    readable = message.type == RESPONSE or message.content.get("msgtype") == "m.text"
    return None if readable else Text(NOT_TEXT)


def once_a_day(text: Text, member_id: str, now: datetime) -> str:
    """Return the `dedupe` under which that answer is given to that member at most once on that day."""
    return f"unreadable:{_REASONS[text.template]}:{member_id}:{now.date()}"


def _said_by_a_person(message: Message) -> bool:
    if message.type == "m.room.message":
        return message.content.get("msgtype") not in _FOR_APPS
    return message.type in ("m.sticker", POLL, RESPONSE)
