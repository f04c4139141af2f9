"""The audit as one page of its own: no script, nothing fetched, for an officer's screen or phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from banyan.domain.findings import About, Audit, Finding, Severity
from banyan.i18n import SOURCE
from banyan.network import Network
from banyan.services.reach import AHEAD
from banyan.services.wording import said
from banyan.web.grid import Dull, members_by_rules, rooms_by_rules
from banyan.web.markup import code

_FILES = Path(__file__).parent / "templates"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FILES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["code"] = code
_ABOUT = {
    About.ROOM: "Room",
    About.MEMBER: "Member",
    About.ACCOUNT: "Our account",
    About.SERVER: "Homeserver",
    About.NETWORK: "Network",
}


@dataclass(frozen=True)
class Line:
    """One finding, in words."""

    severity: str
    about: str
    name: str
    rule: str
    title: str
    remedy: str
    until: datetime | None


@dataclass(frozen=True)
class Hour:
    """One hour ahead."""

    begins: datetime
    covered: bool


def report(audit: Audit, network: Network) -> str:
    """Render it in English, times in the staff's zone, rooms under their code names."""
    zone = ZoneInfo(network.regional.time_zone)
    dull = Dull(network)

    def worded(finding: Finding) -> tuple[str, str]:
        return said(dull.finding(finding), SOURCE)

    def lines(findings: Sequence[Finding]) -> list[Line]:
        return [
            Line(
                each.severity.name.lower(),
                _ABOUT[each.subject.about],
                dull(each.subject.name),
                each.rule,
                *worded(each),
                each.waived.astimezone(zone) if each.waived else None,
            )
            for each in findings
        ]

    judgement = audit.judgement
    full = audit.at.replace(minute=0, second=0, microsecond=0)
    hours = [
        Hour((full + timedelta(hours=n)).astimezone(zone), n not in audit.uncovered) for n in range(AHEAD)
    ]
    return _TEMPLATES.get_template("report.html").render(
        style=(_FILES / "report.css").read_text(),
        audit=audit,
        at=audit.at.astimezone(zone),
        zone=network.regional.time_zone,
        counts=[(severity.name.lower(), judgement.count(severity)) for severity in reversed(Severity)],
        findings=lines(judgement.findings),
        separations=lines(judgement.separations),
        waived=lines(judgement.waived),
        rooms=rooms_by_rules(audit, network, worded),
        members=members_by_rules(audit, worded),
        hours=hours,
        uncovered=sum(not hour.covered for hour in hours),
    )
