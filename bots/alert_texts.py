"""What an alert says, in the room's language and in English, and in a preview in every language.

Prepared sentences are translated. What a sender or our own staff wrote is cleaned, escaped and quoted: it can
neither make HTML, mention anybody nor look like a line of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from banyan.domain.alerts import STAFF, Alert, AlertText, Kind, Response, Severity, Status
from banyan.i18n import N_, SOURCE, Text, clean, render, to_html
from bots.texts import LARGEST, Content, no_mentions, size

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
ADDED = N_("The network's staff added in their own words, not translated:")
VALID = N_("Valid until {until}.")
SENT = N_("Valid until {until}. Sent by {sender}.")
CONFIRMED = N_("Confirmed by two persons of the network's staff.")
ONE_PERSON = N_("Sent by one person of the network's staff.")


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
    content = {
        "msgtype": "m.text",
        "body": "\n\n———\n\n".join("\n\n".join(part.body() for part in block) for block in blocks),
        "m.mentions": {"room": True},
    }
    rich = content | {
        "format": "org.matrix.custom.html",
        "formatted_body": "<hr>".join("".join(part.formatted() for part in block) for block in blocks),
    }
    return rich if size(rich) <= LARGEST else content  # plain, it arrives


def alert_in(language: str, alert: Alert, zone: str, *, confirmed: bool = False) -> list[str]:
    """Return the paragraphs of one language, as plain text."""
    return [part.body() for part in _alert_in(language, alert, zone, confirmed)]


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
    if text is None and alert.texts:
        yield _Part(say(NOT_TRANSLATED))
    if alert.addition:
        yield _Part("", label=say(ADDED), theirs=_theirs(alert.addition))
    yield _Part(
        " ".join(say(each, until=alert.expires, sender=alert.sender) for each in _origin(alert, confirmed))
    )


def _origin(alert: Alert, confirmed: bool) -> tuple[str, ...]:
    """Until when it is valid, and who stands behind it."""
    who = CONFIRMED if confirmed else ONE_PERSON
    if alert.sender == STAFF:
        return VALID, who
    return (SENT, who) if confirmed else (SENT,)


def _first_line(alert: Alert) -> str:
    if alert.status is not Status.ACTUAL:
        return DRILL
    return ALL_CLEAR if alert.response is Response.ALLCLEAR else FIRST_LINES[alert.severity]


def _theirs(*texts: str) -> str:
    """Join what a sender wrote: cleaned, without empty lines, unable to mention anybody."""
    lines = (line.strip() for text in texts for line in clean(text, lines=True).splitlines())
    return no_mentions("\n".join(line for line in lines if line))
