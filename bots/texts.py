"""What the alarm and the desk say: contents of `m.room.message` events, ready to be encrypted and sent.

Calls to action are `m.text` with mentions; chatter is `m.notice`, which never rings. Everything that came
from outside is cleaned and escaped here: it can neither make HTML, mention anybody nor turn a line around.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from banyan.domain.alerts import Alert, AlertText, Kind, Response, Severity, Status
from banyan.i18n import N_, SOURCE, Text, clean, render, to_html

Content = dict[str, Any]
"""The content of one `m.room.message` event."""

FIRST_LINES = {
    Severity.EXTREME: N_("🔴 Urgent safety message. Open it now, where nobody else can see your screen."),
    Severity.SEVERE: N_("🟠 Important safety message. Open it soon, where nobody else can see your screen."),
    Severity.MODERATE: N_("🟡 Safety message. Open it where nobody else can see your screen."),
    Severity.MINOR: N_("🔵 Safety message. Open it when you have time."),
    Severity.UNKNOWN: N_("🟡 Safety message. Open it where nobody else can see your screen."),
}
"""All that a lock screen needs to show: neither a place nor what happened."""

ALL_CLEAR = N_("🟢 Good news: an earlier danger has passed.")
DRILL = N_("🔵 This is a drill. Nothing has happened.")

KINDS = {
    Kind.ARREST: N_("Someone was arrested"),
    Kind.SUMMONS: N_("Someone was called in by the police or a court"),
    Kind.LAWSUIT: N_("A case was brought to court"),
    Kind.SURVEILLANCE: N_("Someone is being watched"),
    Kind.RAID: N_("A home or an office was searched"),
    Kind.DISAPPEARANCE: N_("Someone is missing"),
    Kind.VIOLENCE: N_("There was violence"),
    Kind.SHUTDOWN: N_("Internet or telephone is cut off"),
    Kind.OTHER: N_("Something else"),
}

SEVERITIES = {
    Severity.EXTREME: N_("extreme"),
    Severity.SEVERE: N_("serious"),
    Severity.MODERATE: N_("moderate"),
    Severity.MINOR: N_("small"),
    Severity.UNKNOWN: N_("not known yet"),
}

RESPONSES = {
    Response.SHELTER: N_("Stay inside. Keep away from windows and doors."),
    Response.EVACUATE: N_("Leave now. Go to a place you know is safe."),
    Response.PREPARE: N_("Get ready. Charge your phone and keep near you what you would take along."),
    Response.EXECUTE: N_("Do now what your safety plan says."),
    Response.AVOID: N_("Keep away from the place or the people this message speaks of."),
    Response.MONITOR: N_("Be careful and watch for the next message."),
    Response.ASSESS: N_("Look around you and decide what is safest for you."),
    Response.ALLCLEAR: N_("You no longer need to do what the earlier message asked of you."),
    Response.NONE: N_("You do not need to do anything."),
}

UNCONFIRMED = N_("⚠️ Unconfirmed: one source only. Be careful, and do not pass it on as certain.")
NOT_TRANSLATED = N_("The details are not translated. You find them in English below.")

WELCOME = (
    N_("Welcome, {name}. I am the desk, a program that helps the members of this network."),
    N_("Here you are called {name}. Please do not write your real name in any room."),
    N_("Safety messages come in their own room. Keep its notifications on."),
    N_(
        "Please do this today: set up a recovery key in the settings of your app. Write it on paper and keep "
        "it away from your phone. With it you can read your messages on a new phone.",
    ),
    N_("I will never ask for your passphrase or your recovery key. Give them to nobody."),
    N_("Write “help” to me at any time."),
)

HELP = (
    N_("I am the desk, a program. Write “help” to see this message again."),
    N_("Safety messages come in their own room. Keep its notifications on."),
    N_("I cannot read what members write to each other. To reach a person, write in one of your rooms."),
    N_("I will never ask for your passphrase or your recovery key. Give them to nobody."),
)

WARNINGS = {
    "warden-has-device": N_(
        "Somebody has added a device to the account that keeps the rooms. It must never have one. The server "
        "may be in other hands. Call the operator by another way now, and plan nothing here until they say "
        "it is safe."
    ),
    "warden-identity-changed": N_(
        "Somebody has replaced the identity of the account that keeps the rooms. The server may be in other "
        "hands. Call the operator by another way now, and plan nothing here until they say it is safe."
    ),
}
"""What staff read, by the reason code of the log."""


@dataclass(frozen=True)
class _Part:
    """One paragraph: a label of ours in bold, our own sentence, and beneath it what somebody else wrote."""

    ours: str
    label: str = ""
    theirs: str = ""

    def body(self) -> str:
        lead = f"{self.label} {self.ours}".strip()
        return "\n".join([lead, *(f"» {line}" for line in self.theirs.splitlines())])

    def formatted(self) -> str:
        label = f"<strong>{to_html(self.label)}</strong> " if self.label else ""
        quote = f"<blockquote>{to_html(self.theirs)}</blockquote>" if self.theirs else ""
        return f"<p>{label}{to_html(self.ours)}</p>{quote}"


def alert_message(alert: Alert, language: str, zone: str, *, confirmed: bool = False) -> Content:
    """Return the alert in the room's language and, below it, in English; once where that is the same.

    `zone` is the room's (IANA name). `confirmed` says that two persons stand behind it; without, it is marked
    as unconfirmed. Where the alert itself has no text in `language`, our own sentences are translated all the
    same and the reader is sent to the English part for the rest.
    """
    blocks = [list(_alert_in(tag, alert, zone, confirmed)) for tag in dict.fromkeys((language, SOURCE))]
    return {
        "msgtype": "m.text",
        "body": "\n\n———\n\n".join("\n\n".join(part.body() for part in block) for block in blocks),
        "format": "org.matrix.custom.html",
        "formatted_body": "<hr>".join("".join(part.formatted() for part in block) for block in blocks),
        "m.mentions": {"room": True},
    }


def _alert_in(language: str, alert: Alert, zone: str, confirmed: bool) -> Iterator[_Part]:
    def say(template: str, **values: Any) -> str:
        return no_mentions(render(Text(template, **values), language, zone))

    text = alert.texts.get(language)
    details = text or AlertText(headline="")
    yield _Part(say(_first_line(alert)))
    if not confirmed:
        yield _Part(say(UNCONFIRMED))
    yield _Part(
        say(KINDS[alert.kind]),
        label=say(N_("What happened:")),
        theirs=_theirs(details.headline, details.description),
    )
    yield _Part(say(SEVERITIES[alert.severity]), label=say(N_("Danger:")))
    yield _Part(
        say(RESPONSES[alert.response]),
        label=say(N_("What to do:")),
        theirs=_theirs(details.instruction),
    )
    if text is None:
        yield _Part(say(NOT_TRANSLATED))
    yield _Part(say(N_("Valid until {until}. Sent by {sender}."), until=alert.expires, sender=alert.sender))


def _first_line(alert: Alert) -> str:
    if alert.status is not Status.ACTUAL:
        return DRILL
    return ALL_CLEAR if alert.response is Response.ALLCLEAR else FIRST_LINES[alert.severity]


def _theirs(*texts: str) -> str:
    """Join what a sender wrote: cleaned, without empty lines, unable to mention anybody."""
    lines = (line.strip() for text in texts for line in clean(text, lines=True).splitlines())
    return no_mentions("\n".join(line for line in lines if line))


def no_mentions(text: str) -> str:
    """Break `@room` and `@name` with an invisible joiner: no client makes them ring. Addresses stay."""
    return re.sub(r"(?<!\w)@(?=\w)", "@\u2060", text)


def welcome(localpart: str, language: str) -> Content:
    """Return the desk's first words to a new member."""
    return message([Text(each, name=localpart) for each in WELCOME], language, rings=True)


def warning(reason: str, language: str) -> Content:
    """Return a warning to staff, in their language and in English; it rings. Raise `KeyError`."""
    both = [render(Text(WARNINGS[reason]), tag) for tag in dict.fromkeys((language, SOURCE))]
    content = message([Text("{said}", said=said) for said in both], language, rings=True)
    return content | {"m.mentions": {"room": True}}


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


def lines(said: Iterable[Text]) -> Text:
    """Return several texts as the lines of one paragraph."""
    named = {f"line_{chr(97 + at // 26)}{chr(97 + at % 26)}": each for at, each in enumerate(said)}
    return Text("\n".join(f"{{{name}}}" for name in named), **named)
