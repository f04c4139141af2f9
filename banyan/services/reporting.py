"""Telling the security room what an audit found: at most five lines, worst first, a number for each.

What is told, and who may answer by number, is written in the unit of work that keeps the audit: killed
anywhere, nothing is told twice and nothing is lost.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from banyan.domain.conversations import Conversation
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.findings import About, Audit, Finding, Severity
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.domain.rooms import Room
from banyan.network import Network
from banyan.services.audit import WANTED
from banyan.services.ports import UnitOfWork
from banyan.services.reach import spans
from banyan.services.vigil import SECURITY
from policies.permissions import holds, reach
from policies.placement import rooms_now
from policies.rooms import declared_rooms

MOST = 5
"""Lines of a report: a digit each."""

PATIENCE = timedelta(days=1)
"""How long a report waits for its numbers: until the next day's."""

COMMAND, ARGUMENT = "finding", "which"
"""What a number answers."""

BOOK, ASKED = "findings-told", "audit-asked"
"""Notes: what the security room knows, and who waits for an answer."""


AFTER = "after:"
"""What the last number stands for where there are more: the place from which to go on."""


class News(StrEnum):
    """What an audit is beside the one before."""

    FOUND = "found"
    SAME = "same"
    WELL = "well"
    """Well again."""
    NONE = "none"
    """Well as before."""


@dataclass(frozen=True)
class Matter:
    """One rule that is not kept, by one or by many."""

    rule: str
    severity: Severity
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """What is told of an audit."""

    at: datetime
    news: News
    matters: tuple[Matter, ...] = ()
    """Every one, worst first."""
    uncovered: tuple[tuple[datetime, datetime], ...] = ()
    """From when to when fewer than two of those who decide can be reached."""
    rings: bool = False


Words = Callable[[Report, str, str], Sequence[Mapping[str, Any]]]
"""Words a report as contents of messages: in a language (BCP 47), with the times of a zone (IANA name)."""


def matters(findings: Iterable[Finding]) -> tuple[Matter, ...]:
    """Put findings of one rule together, worst first: sixty rooms with one fault are one line."""
    heaps: dict[str, list[Finding]] = {}
    for finding in findings:
        heaps.setdefault(finding.rule, []).append(finding)
    found = [Matter(rule, max(each.severity for each in heap), tuple(heap)) for rule, heap in heaps.items()]
    return tuple(sorted(found, key=lambda matter: (-matter.severity, matter.rule)))


def tokens(found: Sequence[Matter], start: int = 0) -> tuple[str, ...]:
    """What the numbers of one page stand for: rules, then the next page where there is one."""
    shown = [matter.rule for matter in found[start : start + MOST]]
    more = [f"{AFTER}{start + MOST}"] if len(found) > start + MOST else []
    return (*shown, *more)


def report_of(audit: Audit, found: Sequence[Finding]) -> Report:
    """What an audit says to somebody who may know of these findings."""
    return Report(audit.at, News.FOUND if found else News.NONE, matters(found), tuple(spans(audit)))


class Reports:
    """Tells of audits, and remembers what was told."""

    def __init__(self, network: Network, words: Words) -> None:
        self._network = network
        self._words = words

    async def told(self, tx: UnitOfWork, audit: Audit) -> None:
        """Tell the security room what is new, and those who asked for the audit what came of it."""
        room = await tx.rooms.get(SECURITY)
        if room is None:
            return  # all of it will be new when there is somebody to tell
        book = await _book(tx)
        report = _beside(audit, book)
        asked = await _asked(tx)
        speaks = _speaks(report, audit, room, asked)
        if speaks:
            await self._tell(tx, Actor.STEWARD, room.room_id, report, room.language)
            for member in await self._auditors(tx):
                await wait(tx, member, room.room_id, report)
        for member_id, room_id in asked:
            await self._answer(tx, member_id, room_id, audit, report)
        await tx.noted.set(ASKED, "[]")
        since = {each: book.since.get(each, audit.at) for each in map(key, audit.judgement.findings)}
        hours = _hours(audit)
        await _keep(tx, _Book(since, hours if speaks or not hours else book.hours))

    async def ask(self, tx: UnitOfWork, member: Member, room_id: str, now: datetime) -> None:
        """Have everything looked at again, and somebody told there what came of it."""
        asked = [each for each in await _asked(tx) if each != (member.id, room_id)]
        await tx.noted.set(ASKED, json.dumps([*asked, (member.id, room_id)]))
        await tx.noted.set(WANTED, now.isoformat())

    async def visible(
        self, tx: UnitOfWork, member: Member, findings: Iterable[Finding]
    ) -> tuple[Finding, ...]:
        """Those that an auditor may know of: who looks after one area sees its rooms and members."""
        reached = reach(self._network, member.placement, Permission.AUDIT)
        if reached == {area.key for area in self._network.areas}:
            return tuple(findings)
        names: set[str] = {room.key for room in declared_rooms(self._network) if room.area in reached}
        people = {each.localpart for each in await tx.members.all() if each.placement.area in reached}
        known = {About.ROOM: names, About.MEMBER: people}
        return tuple(each for each in findings if each.subject.name in known.get(each.subject.about, ()))

    async def since(self, tx: UnitOfWork) -> Mapping[str, datetime]:
        """When each finding (by `key`) was told first."""
        return (await _book(tx)).since

    async def _auditors(self, tx: UnitOfWork) -> Sequence[Member]:
        """Those in the security room who may see what an audit found."""
        return [
            member
            for member in await tx.members.with_roles()
            if SECURITY in rooms_now(self._network, member.placement)
            and holds(self._network, member.placement, Permission.AUDIT)
        ]

    async def _answer(
        self, tx: UnitOfWork, member_id: str, room_id: str, audit: Audit, report: Report
    ) -> None:
        """Tell somebody who asked in their own chat what they may know."""
        member = await tx.members.get(member_id)
        if member is None or member.status is not MemberStatus.ADMITTED or member.chat != room_id:
            return
        if holds(self._network, member.placement, Permission.AUDIT):
            known = await self.visible(tx, member, audit.judgement.findings)
            news = report.news if known else News.NONE
            own = replace(report, news=news, matters=matters(known), rings=False)
            await self._tell(tx, Actor.DESK, room_id, own, member.language, member)
            await wait(tx, member, room_id, own)

    async def _tell(
        self,
        tx: UnitOfWork,
        actor: Actor,
        room_id: str,
        report: Report,
        language: str,
        reader: Member | None = None,
    ) -> None:
        zone = self._network.zone_of(reader.placement.area) if reader else self._network.regional.time_zone
        for content in self._words(report, language, zone):
            payload = {"room_id": room_id, "content": content}
            await tx.outbox.put(NewEffect(actor, "say", payload, lane=room_id, secret=True))


async def wait(tx: UnitOfWork, member: Member, room_id: str, report: Report) -> None:
    """Take a number from that member there as an answer, unless they are being asked something else."""
    asked = await tx.conversations.get(room_id, member.id)
    ours = asked is not None and (asked.command, asked.asked) == (COMMAND, ARGUMENT)
    if report.news is not News.FOUND or (asked is not None and asked.until > report.at and not ours):
        return
    numbers, until = tokens(report.matters), report.at + PATIENCE
    await tx.conversations.put(Conversation(room_id, member.id, COMMAND, {}, ARGUMENT, numbers, until))


def key(finding: Finding) -> str:
    """What stays the same of a finding from audit to audit: its names, not its numbers.

    Another stranger in the same room is news, and another key than the one that was shown is not accepted.
    """
    names = (str(each) for _, each in sorted(finding.values.items()) if isinstance(each, str))
    return " ".join((finding.rule, str(finding.subject), *names))


@dataclass(frozen=True)
class _Book:
    """What the security room was told."""

    since: Mapping[str, datetime] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    """Uncovered hours of the day, in UTC."""


async def _book(tx: UnitOfWork) -> _Book:
    noted = await tx.noted.get(BOOK)
    if noted is None:
        return _Book()
    plain = json.loads(noted)
    since = {each: datetime.fromisoformat(at) for each, at in plain["since"].items()}
    return _Book(since, tuple(plain["hours"]))


async def _keep(tx: UnitOfWork, book: _Book) -> None:
    since = {each: at.isoformat() for each, at in book.since.items()}
    await tx.noted.set(BOOK, json.dumps({"since": since, "hours": book.hours}))


async def _asked(tx: UnitOfWork) -> Sequence[tuple[str, str]]:
    return [(member_id, room_id) for member_id, room_id in json.loads(await tx.noted.get(ASKED) or "[]")]


def _beside(audit: Audit, book: _Book) -> Report:
    """What is new of an audit."""
    found = audit.judgement.findings
    report, keys = report_of(audit, found), {key(finding): finding.severity for finding in found}
    if keys:
        news = News.SAME if keys.keys() == book.since.keys() else News.FOUND
    else:
        news = News.WELL if book.since else News.NONE
    known = news is not News.FOUND and _hours(audit) == book.hours
    rings = any(grade is Severity.BREACH and each not in book.since for each, grade in keys.items())
    return replace(report, news=news, uncovered=() if known else report.uncovered, rings=rings)


def _speaks(report: Report, audit: Audit, room: Room, asked: Sequence[tuple[str, str]]) -> bool:
    """Whether the security room hears of it. What is the same as before is told in a line, when it is due.

    An audit that somebody asked for in their own chat is due there only.
    """
    if any(room_id == room.room_id for _, room_id in asked):
        return True
    match report.news:
        case News.FOUND | News.WELL:
            return True
        case News.SAME:
            return audit.cause == "daily" or (audit.cause == "apply" and not asked)
        case News.NONE:
            return audit.cause == "daily" and bool(report.uncovered)


def _hours(audit: Audit) -> tuple[int, ...]:
    return tuple(sorted((audit.at.astimezone(UTC).hour + hour) % 24 for hour in audit.uncovered))
