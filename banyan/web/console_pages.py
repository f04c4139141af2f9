"""What each page of the console shows, read from our books. Nothing here changes anything."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from banyan.domain.findings import About, Finding, Subject
from banyan.domain.log import Entry
from banyan.domain.notes import PublicKey
from banyan.domain.people import Member, MemberStatus
from banyan.domain.proof import examine
from banyan.domain.rooms import RoomKey
from banyan.network import Network, Waiver
from banyan.services.audit import concerning
from banyan.services.ports import Clock, UnitOfWork
from banyan.services.reach import spans
from banyan.web.console_chart import by_day, chart
from banyan.web.console_html import Reader, local_day
from banyan.web.console_overview import Found, overview, who_is_in
from policies.placement import rooms_now
from policies.rooms import DeclaredRoom, declared_rooms

FEW = 5
"""Findings on the first page."""
MANY = 40
"""Findings, and log entries, on a page of their own."""
SPANS = (7, 30, 90)
"""Days that the chart can show."""
WIDE, NARROW = (960, 320), (340, 260)
"""Sizes of the chart, in CSS pixels: text must be as large on a phone."""
STALE = timedelta(hours=36)
"""There is an audit every day: an older one says that something does not run."""

Devices = Callable[[str], Awaitable[int | None]]
"""How many devices the member with that pseudonym has; None when that cannot be told now."""

Values = Mapping[str, Any]


class NoSuchPage(Exception):
    """There is nothing of that name."""


@dataclass(frozen=True)
class Pages:
    """One method a page: what its template is filled with. Raise `NoSuchPage`."""

    network: Network
    clock: Clock
    devices: Devices
    keys: Callable[[], Sequence[PublicKey]]
    """Whose signatures under a checkpoint count."""

    async def network_(self, tx: UnitOfWork, _: web.Request, __: Reader) -> Values:
        """Rooms and members, coloured by what was found."""
        audit = await tx.audits.latest()
        members = await tx.members.all(MemberStatus.ADMITTED)
        return {
            "audit": audit,
            "stale": audit is not None and self.clock.now() - audit.at > STALE,
            "uncovered": spans(audit) if audit else (),
            "worst": audit.judgement.findings[:FEW] if audit else (),
            "groups": overview(self.network, await tx.rooms.all(), members, Found(audit)),
            "people": len(members),
        }

    async def findings(self, tx: UnitOfWork, request: web.Request, _: Reader) -> Values:
        """Everything that was found, worst first."""
        audit = await tx.audits.latest()
        found = audit.judgement.findings if audit else ()
        at = _number(request, "from")
        return {
            "audit": audit,
            "shown": found[at : at + MANY],
            "total": len(found),
            "first": at,
            "earlier": max(0, at - MANY) if at else None,
            "later": at + MANY if at + MANY < len(found) else None,
        }

    async def room(self, tx: UnitOfWork, request: web.Request, _: Reader) -> Values:
        """One room."""
        key = request.match_info["key"]
        audit = await tx.audits.latest()
        found = Found(audit)
        declared = next((each for each in declared_rooms(self.network) if each.key == key), None)
        findings, waived = found.of(About.ROOM, key), found.waived(About.ROOM, key)
        if declared is None and not findings and not waived:
            raise NoSuchPage
        room = next((room for room in await tx.rooms.all() if room.key == key), None)
        members = who_is_in(self.network, await tx.members.all(MemberStatus.ADMITTED)).get(RoomKey(key), ())
        return {
            "audit": audit,
            "key": key,
            "declared": declared,
            "room": room,
            "found": findings,
            "elsewhere": _elsewhere(found, About.ROOM, key, *([room.room_id] if room else [])),
            "waived": waived,
            "members": [(member, found.worst(About.MEMBER, member.localpart)) for member in members],
        }

    async def member(self, tx: UnitOfWork, request: web.Request, _: Reader) -> Values:
        """One member, by pseudonym. Who that is stands nowhere in here."""
        member = await self._member(tx, request.match_info["name"])
        audit = await tx.audits.latest()
        found = Found(audit)
        rooms = self._rooms_of(member) if member.status is MemberStatus.ADMITTED else ()
        terms = (await tx.members.terms()).get(member.id, {})
        area = next((area for area in self.network.areas if area.key == member.placement.area), None)
        return {
            "audit": audit,
            "member": member,
            "area": area,
            "roles": [self._role(name, terms.get(name)) for name in sorted(member.placement.roles)],
            "rooms": [(room, found.worst(About.ROOM, room.key)) for room in rooms],
            "devices": await self.devices(member.localpart),
            "found": found.of(About.MEMBER, member.localpart),
            "elsewhere": _elsewhere(found, About.MEMBER, member.localpart),
            "waived": found.waived(About.MEMBER, member.localpart),
        }

    async def time(self, tx: UnitOfWork, request: web.Request, reader: Reader) -> Values:
        """How many findings there were, day by day."""
        count = _number(request, "days")
        count = count if count in SPANS else SPANS[1]
        now = self.clock.now()
        tallies = await tx.audits.tallies(now - timedelta(days=count))
        dated = [(local_day(tally.at, reader.zone), tally) for tally in tallies]
        days = by_day(local_day(now, reader.zone), count, dated)
        return {
            "days": days,
            "count": count,
            "spans": SPANS,
            "empty": not any(day.tally for day in days),
            "wide": chart(days, *WIDE),
            "narrow": chart(days, *NARROW),
        }

    async def waivers(self, tx: UnitOfWork, _: web.Request, __: Reader) -> Values:
        """What somebody has decided to live with, those that have ended first."""
        audit = await tx.audits.latest()
        now = self.clock.now()
        waived = audit.judgement.waived if audit else ()

        def covered(waiver: Waiver) -> int:
            return sum(waiver.covers(each.rule, each.subject.name) for each in waived)

        rows = [(each, each.ends <= now, covered(each)) for each in self.network.waivers]
        return {"audit": audit, "waivers": sorted(rows, key=lambda row: row[0].until)}

    async def waiting(self, tx: UnitOfWork, _: web.Request, __: Reader) -> Values:
        """Requests that wait for a second person. Their digits are told in the chats only."""
        proposals = sorted(await tx.proposals.waiting(), key=lambda each: each.expires)
        return {"proposals": proposals, "now": self.clock.now()}

    async def log(self, tx: UnitOfWork, request: web.Request, _: Reader) -> Values:
        """The log of decisions, the newest first, and whether it holds."""
        entries = await tx.log.all()
        before = _number(request, "before") or len(entries) + 1
        shown = entries[max(0, before - 1 - MANY) : before - 1]
        # Thousands of hashes: meanwhile alarms must go on.
        notes = [each.note for each in await tx.checkpoints.all()]
        verdict = await asyncio.to_thread(examine, entries, notes, self.keys())
        return {
            "entries": [_told(entry) for entry in reversed(shown)],
            "head": entries[-1] if entries else None,
            "verdict": verdict,
            "checkpoint": await tx.checkpoints.latest(),
            "older": shown[0].seq if shown and shown[0].seq > 1 else None,
            "newest": before > len(entries),
        }

    async def _member(self, tx: UnitOfWork, name: str) -> Member:
        # What is no pseudonym never reaches the database, which cannot be asked for every character.
        member = await tx.members.by_localpart(name) if re.fullmatch(r"[a-z0-9._=/-]{1,255}", name) else None
        if member is None:
            raise NoSuchPage
        return member

    def _rooms_of(self, member: Member) -> Sequence[DeclaredRoom]:
        keys = rooms_now(self.network, member.placement)
        return [room for room in declared_rooms(self.network) if room.key in keys]

    def _role(self, name: str, since: datetime | None) -> tuple[str, datetime | None, datetime | None]:
        """Name, since when it is held, and until when."""
        declared = self.network.roles.get(name)
        until = since + timedelta(days=declared.days) if since and declared else None
        return name.replace("_", " "), since, until


def _number(request: web.Request, name: str) -> int:
    """A small number of the query; 0 for anything else."""
    typed = request.query.get(name, "")
    return int(typed) if re.fullmatch(r"[0-9]{1,9}", typed) else 0


def _elsewhere(found: Found, about: About, *names: str) -> Sequence[Finding]:
    """Findings about something else that name this one."""
    if found.audit is None:
        return ()
    own = Subject(about, names[0])
    return [each for each in concerning(found.audit.judgement, *names).findings if each.subject != own]


def _told(entry: Entry) -> Mapping[str, Any]:
    """An entry as it is shown. One that cannot be read is shown too: the check says what is wrong."""
    try:
        body = json.loads(entry.body)
    except (ValueError, RecursionError):
        body = {}
    body = body if isinstance(body, dict) else {}
    details = body.get("details")
    return {
        "seq": entry.seq,
        "at": entry.at,
        "hash": entry.hash,
        **{name: str(body.get(name, "")) for name in ("action", "actor", "object", "reason")},
        "details": details if isinstance(details, dict) else {},
    }
