"""How a page of the console is written: in the officer's language and zone, under a strict policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from babel import Locale
from babel.dates import format_date, format_skeleton
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from banyan.domain.approvals import ProposalKind
from banyan.domain.findings import About, Finding, Severity, Subject
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import RoomKind
from banyan.i18n import N_, Text, locale_of, render, when
from banyan.services.wording import texts
from banyan.web.grid import Dull
from banyan.web.headers import HEADERS
from banyan.web.markup import code

FILES = Path(__file__).parent / "templates" / "console"

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_CLOSED = {
    **HEADERS,
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader([FILES, FILES.parent]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["code"] = code

MOST_DOTS = 14
"""Members with whom all is well that are drawn in a row, side by side."""

SEVERITIES: Mapping[Severity, str] = {
    Severity.BREACH: N_("breach"),
    Severity.WARNING: N_("warning"),
    Severity.NOTICE: N_("notice"),
}
SEVERAL: Mapping[Severity, str] = {
    Severity.BREACH: N_("breaches"),
    Severity.WARNING: N_("warnings"),
    Severity.NOTICE: N_("notices"),
}
KINDS: Mapping[RoomKind, str] = {
    RoomKind.SPACE: N_("space"),
    RoomKind.TALK: N_("conversation"),
    RoomKind.THEME: N_("theme"),
    RoomKind.GUIDE: N_("news"),
    RoomKind.ALERT: N_("safety messages"),
    RoomKind.STAFF: N_("staff"),
    RoomKind.JOINT: N_("with partners"),
}
STATES: Mapping[MemberStatus, str] = {
    MemberStatus.INVITED: N_("invited, not in yet"),
    MemberStatus.ADMITTED: N_("admitted"),
    MemberStatus.EXPIRED: N_("never came: the invitation ran out"),
    MemberStatus.FROZEN: N_("frozen: all access was ended"),
}
REQUESTS: Mapping[ProposalKind, str] = {
    ProposalKind.ALERT: N_("a safety message"),
    ProposalKind.INVITE: N_("letting somebody in"),
    ProposalKind.ROLE: N_("a role"),
}
CAUSES: Mapping[str, str] = {
    "daily": N_("the daily audit"),
    "apply": N_("after the network file was applied"),
    "asked": N_("because somebody asked"),
    "start": N_("after a start"),
}


@dataclass(frozen=True)
class Reader:
    """For whom a page is written."""

    language: str
    """BCP 47 tag."""
    zone: str = "UTC"
    """IANA name."""
    name: str = ""
    """Pseudonym; empty for who is not in."""


def page(
    name: str, reader: Reader, *, dull: Dull | None = None, status: int = 200, **values: Any
) -> web.Response:
    """Render `templates/console/{name}.html`. Texts and values are escaped; `dull` names rooms and areas."""
    say = partial(_say, reader)
    words = {
        "_": say,
        "reader": reader,
        "when": lambda moment: when(moment, reader.language, reader.zone),
        "day": partial(_day, reader),
        "short_day": partial(_short_day, reader),
        "lasting": lambda span: _lasting(say, span),
        "said": partial(said, reader, dull),
        "dull": dull,
        "clock": partial(_clock, reader),
        "hours": lambda begins, ends: f"{_clock(reader, begins)}\N{EN DASH}{_clock(reader, ends)}",
        "shorter": shorter,
        "address": address,
        "room_path": room_path,
        "member_path": member_path,
        "most_dots": MOST_DOTS,
        "initials": initials,
        "severities": {severity: say(word) for severity, word in SEVERITIES.items()},
        "several": {severity: say(words) for severity, words in SEVERAL.items()},
        "kinds": {kind: say(word) for kind, word in KINDS.items()},
        "states": {status: say(word) for status, word in STATES.items()},
        "requests": {kind: say(word) for kind, word in REQUESTS.items()},
        "causes": {cause: say(word) for cause, word in CAUSES.items()},
    }
    return web.Response(
        text=_TEMPLATES.get_template(f"{name}.html").render(words | values),
        status=status,
        content_type="text/html",
        headers={**_CLOSED, hdrs.CONTENT_LANGUAGE: reader.language},
    )


def file(name: str, content_type: str) -> web.Response:
    """A file that every page needs and that tells nobody anything."""
    return web.Response(
        body=(FILES / name).read_bytes(), content_type=content_type, charset="utf-8", headers=_CLOSED
    )


def redirect(path: str) -> web.Response:
    """Go there with a GET, whatever brought the browser here."""
    return web.Response(status=303, headers={**_CLOSED, hdrs.LOCATION: path})


def address(subject: Subject) -> str | None:
    """Path of the page about a room or a member; None for what has none."""
    match subject.about:
        case About.ROOM:
            return room_path(subject.name)
        case About.MEMBER:
            return member_path(subject.name)
        case _:
            return None


def room_path(key: str) -> str:
    """Where the page about a room is."""
    return f"/console/rooms/{quote(key, safe=':!')}"


def member_path(pseudonym: str) -> str:
    """Where the page about a member is."""
    return f"/console/members/{quote(pseudonym, safe='')}"


def initials(pseudonym: str) -> str:
    """Two letters for a small cell: `ah` for `amber-heron`."""
    first, _, second = pseudonym.partition("-")
    return (first[:1] + second[:1]) if second else first[:2]


def shorter(opaque: str) -> str:
    """The beginning of an id that tells nobody anything; anything else as it is."""
    return f"{opaque[:8]}\N{HORIZONTAL ELLIPSIS}" if re.fullmatch("[0-9a-f]{32}", opaque) else opaque


def local_day(moment: datetime, zone: str) -> date:
    """The day that it is there."""
    return moment.astimezone(ZoneInfo(zone)).date()


def _say(reader: Reader, template: str, **filled: Any) -> str:
    return render(Text(template, **filled), reader.language, reader.zone)


def said(reader: Reader, dull: Dull | None, finding: Finding) -> tuple[str, str]:
    """What is wrong and what to do about it; keys of rooms and areas under their code names."""
    if dull is not None:
        finding = dull.finding(finding)
    wrong, remedy = texts(finding)
    return render(wrong, reader.language, reader.zone), render(remedy, reader.language, reader.zone)


def _day(reader: Reader, moment: date) -> str:
    if isinstance(moment, datetime):
        moment = local_day(moment, reader.zone)
    return format_date(moment, "long", locale=Locale.parse(locale_of(reader.language)))


def _short_day(reader: Reader, moment: date) -> str:
    if isinstance(moment, datetime):
        moment = local_day(moment, reader.zone)
    return format_skeleton("MMMd", moment, locale=Locale.parse(locale_of(reader.language)))


def _clock(reader: Reader, moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(reader.zone)):%H:%M}"


def _lasting(say: Any, span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours = minutes // (24 * 60), minutes // 60 % 24
    if days:
        return str(say(N_("{days} d {hours} h"), days=days, hours=hours))
    if hours:
        return str(say(N_("{hours} h {minutes} min"), hours=hours, minutes=minutes % 60))
    return str(say(N_("{minutes} min"), minutes=minutes))
