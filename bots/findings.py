"""What an audit found, in words: a line for each rule that is not kept, and one of them whole."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from banyan.domain.findings import About, Finding, Severity
from banyan.i18n import N_, Text
from banyan.network import Network
from banyan.services.reporting import MOST, Matter, News, Report, Words, key
from banyan.services.wording import texts
from bots.texts import Content, lines, messages
from policies.rooms import declared_rooms

LISTED = 20
"""Rooms or people that are named where many do not keep a rule."""

URGENCY = {
    Severity.BREACH: N_("🔴 Now"),
    Severity.WARNING: N_("🔶 Soon"),
    Severity.NOTICE: N_("🔹 To know"),
}

ABOUT = {
    About.ACCOUNT: N_("our account {name}"),
    About.SERVER: N_("the server"),
    About.NETWORK: N_("the network"),
}

ONE = N_("{urgency}: {place}: {what}")
MANY = N_("{urgency}: {place} and {count} more: {what}")

FOUND = N_("I looked at everything: {at}. These rules are not kept, the worst first:")
HOW = N_("Answer with a number, and I tell you more and what to do.")
MORE = N_("{count} more")
SAME = N_("Rules that are still not kept, the same as before: {count}. Write “audit” to see them.")
URGENT = N_("So many of them cannot wait: {count}.")
WELL = N_("All is well again: every rule is kept.")
KEPT = N_("I looked at everything: {at}. Every rule is kept.")
HOURS = N_(
    "Fewer than two of those who may approve can be reached: {hours}. If you are one of them, write “hours” "
    "to tell me when I may wake you."
)

WHERE = N_("Where: {place}")
SINCE = N_("I have seen it since {since}.")
REMEDY = N_("What to do: {remedy}")


def words(network: Network) -> Words:
    """What tells of the audits of that network."""

    def say(report: Report, language: str, zone: str) -> Sequence[Content]:
        said = messages(report_said(network, report, zone), language, zone, rings=report.rings)
        if report.rings:
            said[-1]["m.mentions"] = {"room": True}
        return said

    return say


def report_said(network: Network, report: Report, zone: str) -> Sequence[Text]:
    """Tell of an audit: at most five lines, worst first."""
    match report.news:
        case News.FOUND:
            said = [Text(FOUND, at=report.at), numbered(network, report.matters), Text(HOW)]
        case News.SAME:
            urgent = sum(matter.severity is Severity.BREACH for matter in report.matters)
            rest = [Text(URGENT, count=urgent)] if urgent else []
            said = [lines([Text(SAME, count=len(report.matters)), *rest], " ")]
        case News.WELL:
            said = [Text(WELL)]
        case News.NONE:
            said = [Text(KEPT, at=report.at)]
    if report.uncovered:
        said.append(Text(HOURS, hours=_clock(report.uncovered, zone)))
    return said


def numbered(network: Network, matters: Sequence[Matter], start: int = 0) -> Text:
    """One page of what was found, each with its number, as `reporting.tokens` counts them."""
    shown = [line(network, matter) for matter in matters[start : start + MOST]]
    if (more := len(matters) - start - MOST) > 0:
        shown.append(Text(MORE, count=more))
    return options(shown)


def options(shown: Sequence[Text]) -> Text:
    """Number some answers, from 1."""
    return lines(Text("{number}. {label}", number=at, label=each) for at, each in enumerate(shown, start=1))


def line(network: Network, matter: Matter) -> Text:
    """How bad, where, and what; for many, the first of them."""
    first, count = matter.findings[0], len(matter.findings) - 1
    return Text(
        MANY if count else ONE,
        urgency=Text(URGENCY[matter.severity]),
        place=place(network, first),
        what=what(first),
        count=count,
    )


def whole(network: Network, matter: Matter, since: Mapping[str, datetime]) -> Iterator[Text]:
    """Everything there is to say: what, where, since when if that is known, and what to do about it."""
    first, *others = matter.findings
    head = Text("{urgency}: {what}", urgency=Text(URGENCY[matter.severity]), what=what(first))
    if others:
        yield Text(URGENCY[matter.severity])
        shown = [
            Text("{place}: {what}", place=place(network, each), what=what(each))
            for each in matter.findings[:LISTED]
        ]
        rest = len(matter.findings) - LISTED
        yield lines([*shown, Text(MORE, count=rest)] if rest > 0 else shown)
    else:
        yield head
        yield Text(WHERE, place=place(network, first))
    if known := [since[key(each)] for each in matter.findings if key(each) in since]:
        yield Text(SINCE, since=min(known))
    # of one rule, some things are for the warden and some for the keeper
    remedies = {remedy.template: remedy for _, remedy in map(texts, matter.findings)}
    yield from (Text(REMEDY, remedy=remedy) for remedy in remedies.values())


def place(network: Network, finding: Finding) -> Text:
    """Where it is, as people know it: rooms by their code names, people by their pseudonyms."""
    subject = finding.subject
    names = {str(room.key): room.name for room in declared_rooms(network)}
    if subject.about in ABOUT and subject.name not in names:
        return Text(ABOUT[subject.about], name=subject.name)
    return Text("{name}", name=names.get(subject.name, subject.name))


def what(finding: Finding) -> Text:
    """What is wrong, in one sentence."""
    return texts(finding)[0]


def _clock(uncovered: Sequence[tuple[datetime, datetime]], zone: str) -> str:
    """From when to when, as clocks show it in the reader's zone."""
    local = ZoneInfo(zone)
    spans = ([f"{end.astimezone(local):%H:%M}" for end in span] for span in uncovered)
    return ", ".join("–".join(span) for span in spans)  # noqa: RUF001 - from one hour to another
