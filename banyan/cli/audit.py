"""`banyan audit`: whether the rules are kept."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Timer
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from banyan.cli.common import DEFAULT_HOME, HomeOption, JsonOption, err, out, run, say
from banyan.domain.findings import Audit, Finding, Judgement, Severity
from banyan.errors import UsedWrongly
from banyan.i18n import SOURCE
from banyan.settings import Home

PATIENCE = 2.0
"""Seconds after which we say that we are at it."""

COLOURS = {Severity.BREACH: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}


def audit(
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with a picture of it.")] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules. Looks at nothing.")] = False,
    room: Annotated[str | None, typer.Option(help="Only what concerns that room: its key or id.")] = None,
    member: Annotated[str | None, typer.Option(help="Only what concerns that member.")] = None,
) -> None:
    """Check whether the rules are kept: in rooms, by members, on the homeserver, by our own accounts."""
    if rules:
        _list_rules(as_json=as_json)
        return
    from banyan.bootstrap.auditing import audit_now

    if html is not None and (html.is_dir() or not html.absolute().parent.is_dir()):
        raise UsedWrongly(f"{html.name} cannot be written: it is a directory, or its directory is not there.")
    looking = err.status("Looking at every room and every account …")
    patience = Timer(PATIENCE, looking.start)
    patience.start()
    try:
        audited = run(audit_now(Home(home.absolute()), room=room, member=member))
    finally:
        patience.cancel()
        looking.stop()
    if html is not None:
        from banyan.files import write_private
        from banyan.web.report import report

        write_private(html, report(audited.audit, audited.network))
    if as_json:
        say(_plain(audited.audit), as_json=True, text="")
    else:
        _show(audited.audit, audited.network.regional.time_zone)
    raise typer.Exit(1 if audited.audit.judgement.findings else 0)


def _show(audit: Audit, zone: str) -> None:
    judgement = audit.judgement
    out.print(f"{_verdict(judgement)} [dim]{audit.rooms} rooms, {audit.members} members.[/dim]")
    if judgement.findings:
        out.print(_table(judgement.findings))
    if hours := _uncovered(audit, zone):
        out.print(
            f"\nFewer than two people who may approve an alert can be reached: {hours}.", soft_wrap=True
        )
    if judgement.waived:
        out.print("\n[bold]Waived[/bold]")
        out.print(_table(judgement.waived))
    if judgement.separations:
        out.print("\n[bold]What so small a team cannot keep apart[/bold]")
        for line in _apart(judgement.separations):
            out.print(line, highlight=False, markup=False, soft_wrap=True)


def _apart(separations: Sequence[Finding]) -> Iterator[str]:
    """A line for each rule, with all whom it is about: it is known, and there is nothing to do."""
    from banyan.services.wording import said

    people: dict[str, list[str]] = {}
    for finding in separations:
        people.setdefault(said(finding, SOURCE)[0], []).append(finding.subject.name)
    for title, names in people.items():
        yield f"{', '.join(sorted(names))}: {title}"


def _verdict(judgement: Judgement) -> str:
    counts = [
        f"[{COLOURS[severity]}]{count} {_word(severity, count)}[/]"
        for severity in sorted(Severity, reverse=True)
        if (count := judgement.count(severity))
    ]
    return f"{', '.join(counts)}." if counts else "[bold green]All rules are kept.[/]"


def _word(severity: Severity, count: int = 1) -> str:
    word = severity.name.lower()
    return word if count == 1 else f"{word}es" if word.endswith("h") else f"{word}s"


def _table(findings: Iterable[Finding]) -> Table:
    from banyan.services.wording import said

    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=28)
    table.add_column(overflow="fold", ratio=1)
    for finding in findings:
        title, remedy = said(finding, SOURCE)
        colour, until = COLOURS[finding.severity], finding.waived
        waived = f"\n[dim]Lived with until {until:%Y-%m-%d %H:%M} UTC.[/dim]" if until else ""
        table.add_row(
            f"[{colour}]{_word(finding.severity)}[/]",
            f"{escape(finding.subject.name)}\n[dim]{finding.rule}[/dim]",
            f"{escape(title)}\n[dim]{escape(remedy)}[/dim]{waived}",
        )
    return table


def _uncovered(audit: Audit, zone: str) -> str:
    from banyan.services.reach import spans

    local = ZoneInfo(zone)
    hours = [(begins.astimezone(local), ends.astimezone(local)) for begins, ends in spans(audit)]
    told = [f"{begins:%a %H:%M} to {ends:%a %H:%M}" for begins, ends in hours]
    return f"{', '.join(told)} ({zone})" if told else ""


def _list_rules(*, as_json: bool) -> None:
    from policies.rules import RULES

    rows = [
        {
            "rule": each.id,
            "about": each.about.value,
            "severity": _word(each.severity),
            "title": each.title,
            "remedy": each.remedy,
            "repaired": each.repaired,
            "separation": each.separation,
        }
        for each in RULES
    ]
    text = "\n".join(f"{row['rule']:28} {row['severity']:8} {row['about']:8} {row['title']}" for row in rows)
    say(rows, as_json=as_json, text=text)


def _plain(audit: Audit) -> dict[str, Any]:
    from banyan.services.reach import spans

    judgement = audit.judgement
    return {
        "id": audit.id,
        "at": audit.at,
        "cause": audit.cause,
        "rooms": audit.rooms,
        "members": audit.members,
        "findings": [_plain_finding(each) for each in judgement.findings],
        "waived": [_plain_finding(each) for each in judgement.waived],
        "separations": [_plain_finding(each) for each in judgement.separations],
        "uncovered": [{"from": begins, "to": ends} for begins, ends in spans(audit)],
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    from banyan.services.wording import said

    title, remedy = said(finding, SOURCE)
    plain: dict[str, Any] = {
        "rule": finding.rule,
        "severity": _word(finding.severity),
        "about": finding.subject.about.value,
        "subject": finding.subject.name,
        "title": title,
        "remedy": remedy,
        "values": dict(finding.values),
    }
    return plain | ({"until": finding.waived} if finding.waived else {})
