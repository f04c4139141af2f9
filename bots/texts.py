"""What our accounts say: contents of `m.room.message` events, ready to be encrypted and sent.

Calls to action are `m.text` with mentions; chatter is `m.notice`, which never rings. Everything that came
from outside is cleaned and escaped here: it can neither make HTML, mention anybody nor turn a line around.
"""

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from banyan.i18n import N_, SOURCE, Text, render, to_html

Content = dict[str, Any]
"""The content of one `m.room.message` event."""

LARGEST = 40_000
"""Bytes of a content as JSON: encrypted it becomes a third larger, and no event may have more than 64 KiB."""

HELP = (
    N_("I am the desk, a program. Write “help” to see this message again."),
    N_("Safety messages come in their own room. Keep its notifications on."),
    N_("I cannot read what members write to each other. To reach a person, write in one of your rooms."),
    N_("I will never ask for your passphrase or your recovery key. Give them to nobody."),
)

WARNINGS = {
    "audit-blind": N_(
        "The audit could not look at the server for some minutes, so nobody knows whether the rules are "
        "kept. Ask the operator to look, then write “audit” here."
    ),
    "watch-blind": N_(
        "I could not look at our own accounts for some minutes. Ask the operator whether the registrar's key "
        "still works."
    ),
    "warden-has-device": N_(
        "Somebody has added a device to the account that keeps the rooms. It must never have one. The server "
        "may be in other hands. Call the operator by another way now, and plan nothing here until they say "
        "it is safe."
    ),
    "warden-identity-changed": N_(
        "Somebody has replaced the identity of the account that keeps the rooms. The server may be in other "
        "hands. Call the operator by another way now, and plan nothing here until they say it is safe."
    ),
    "log-changed": N_(
        "The log of decisions is not what was signed before: somebody has changed it. I sign nothing more. "
        "Call the operator by another way now. Keep the checkpoints of this room somewhere else: they show "
        "what was changed."
    ),
    "account-has-device": N_(
        "Somebody has added a device to our account {account}. The server may be in other hands. Call the "
        "operator by another way now, and plan nothing here until they say it is safe."
    ),
    "account-identity-changed": N_(
        "Somebody has replaced the identity of our account {account}. The server may be in other hands. Call "
        "the operator by another way now, and believe nothing that {account} says until they say it is safe."
    ),
    "room-fought-over": N_(
        "Somebody keeps changing the room {room}, and I have put it right three times. I have silenced it: "
        "people can read there, and only our own accounts can write. Ask the operator who has power on the "
        "server; then they run: banyan room thaw {room}"
    ),
    "room-overrun": N_(
        "Somebody keeps changing one thing after another in the room {room}: I have put more than ten things "
        "right within an hour. I have silenced it: people can read there, and only our own accounts can "
        "write. Ask the operator who has power on the server; then they run: banyan room thaw {room}"
    ),
    "room-closed": N_(
        "Somebody has marked the room {room} as closed, and nobody can undo that. I have silenced it. Tell "
        "its people to follow no link to another room. Ask the operator to make the room anew."
    ),
    "room-encryption-changed": N_(
        "Somebody has changed how the room {room} is encrypted. I have put it back and silenced the room: "
        "the server may have read what was written meanwhile. When the operator knows who did it, they run: "
        "banyan room thaw {room}"
    ),
    "room-history-opened": N_(
        "Somebody had opened the past of the room {room} to others, and I have closed it again. Whoever "
        "looked meanwhile knows who was there and when. Ask the operator who has power on the server."
    ),
    "room-warden-powerless": N_(
        "The account that keeps the rooms has lost its power in the room {room}: I can put nothing right "
        "there. Write nothing in it. Ask the operator to run banyan apply with the keeper's token."
    ),
    "room-warden-out": N_(
        "The account that keeps the rooms was put out of the room {room}: I see nothing there any more. "
        "Write nothing in it. Ask the operator to run banyan apply with the keeper's token."
    ),
    "room-gone": N_(
        "The room {room} is gone from the server. Ask the operator to run banyan apply --allow-removals with "
        "the keeper's token: it makes a new one and lets everybody in."
    ),
    "room-not-repaired": N_(
        "Something is wrong with the room {room}, and the server does not let me put it right. Write nothing "
        "in it. Ask the operator to run banyan apply with the keeper's token."
    ),
    "network-not-applied": N_(
        "The network file has changed and is not applied yet, so I put nothing right in the rooms for now. "
        "Ask the operator to run banyan apply, and to start the service anew."
    ),
}
"""What staff read, by the reason code of the log."""

SEEN_AGAIN = N_("Since I last told you of this it has gone and come back. So many times: {count}.")

QUIET = frozenset({"network-not-applied"})
"""What can wait until somebody looks."""


def no_mentions(text: str) -> str:
    """Break `@room` and `@name` with an invisible joiner: no client makes them ring. Addresses stay."""
    return re.sub(r"(?<!\w)@(?=\w)", "@\u2060", text)


def warning(reason: str, language: str, *, again: str = "", **values: str) -> Content:
    """Return a warning to staff, in their language and in English; it rings. Raise `KeyError`.

    `again` is how often it came back since they were told of it first.
    """
    texts = [Text(WARNINGS[reason], **values), *([Text(SEEN_AGAIN, count=again)] if again else [])]
    both = [render(text, tag) for tag in dict.fromkeys((language, SOURCE)) for text in texts]
    rings = reason not in QUIET
    content = message([Text("{said}", said=said) for said in both], language, rings=rings)
    return content | ({"m.mentions": {"room": True}} if rings else {})


def checkpoint(note: str, size: int, language: str) -> Content:
    """Return a checkpoint of the log for staff to keep outside: the note stands alone, to be copied whole."""
    said = message([Text(N_("The log has {count} entries. Keep this outside."), count=size)], language)
    return said | {
        "body": f"{said['body']}\n\n```\n{note}```",
        "formatted_body": f"{said['formatted_body']}<pre><code>{escape(note)}</code></pre>",
    }


def message(
    paragraphs: Iterable[Text],
    language: str,
    zone: str = "UTC",
    *,
    rings: bool = False,
) -> Content:
    """Return paragraphs as one message; one that `rings` reaches a person who is looking elsewhere."""
    said = [no_mentions(render(paragraph, language, zone)) for paragraph in paragraphs]
    return {
        "msgtype": "m.text" if rings else "m.notice",
        "body": "\n\n".join(said),
        "format": "org.matrix.custom.html",
        "formatted_body": "".join(f"<p>{to_html(paragraph)}</p>" for paragraph in said),
        "m.mentions": {},
    }


def messages(
    paragraphs: Iterable[Text], language: str, zone: str = "UTC", *, rings: bool = False
) -> list[Content]:
    """Return paragraphs as one message, or as several where one would be too long to be sent."""
    parts: list[list[Text]] = [[]]
    room = LARGEST
    for paragraph in paragraphs:
        room -= (needed := size(message([paragraph], language, zone)))
        if room < 0 and parts[-1]:
            parts.append([])
            room = LARGEST - needed
        parts[-1].append(paragraph)
    return [message(part, language, zone, rings=rings) for part in parts]


def size(content: Content) -> int:
    """Return how many bytes a content has as JSON."""
    return len(json.dumps(content, ensure_ascii=False).encode())


def lines(said: Iterable[Text], between: str = "\n") -> Text:
    """Return several texts as the lines of one paragraph, or with something else between them."""
    named = {f"line_{_letters(at)}": each for at, each in enumerate(said)}
    return Text(between.join(f"{{{name}}}" for name in named), **named)


def worded(paragraph: str) -> Text:
    """Return a paragraph that is in its language already, line by line as it stands."""
    return lines(Text("{line}", line=line) for line in paragraph.splitlines())


def quoted(text: str) -> Text:
    """Return what somebody else wrote, each line marked: none of it can look like ours."""
    return lines(Text("» {line}", line=line) for line in text.splitlines() if line.strip())


def _letters(number: int) -> str:
    """Return a number as three letters, for a placeholder has no digits."""
    return "".join(chr(97 + number // 26**place % 26) for place in (2, 1, 0))
