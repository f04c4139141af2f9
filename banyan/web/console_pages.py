"""What each page of the console shows, read from our books. Nothing here changes anything."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web

from banyan.domain.findings import About
from banyan.domain.log import Entry
from banyan.domain.notes import PublicKey
from banyan.domain.people import Member, MemberStatus
from banyan.domain.proof import examine
from banyan.domain.rooms import RoomKey
from banyan.network import Network, Waiver
from banyan.services.ports import Clock, Work
from banyan.services.reach import spans
from banyan.web.console_chart import by_day, chart
from banyan.web.console_html import Reader, local_day, said
from banyan.web.console_overview import Found, overview, who_is_in
from banyan.web.grid import Dull, members_by_rules, rooms_by_rules
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

PSEUDONYM = re.compile(r"[a-z0-9._=/-]{1,255}")

Devices = Callable[[str], Awaitable[int | None]]
"""How many devices the member with that pseudonym has; None when that cannot be told now."""

Values = Mapping[str, Any]


class NoSuchPage(Exception):
    """There is nothing of that name."""


@dataclass(frozen=True)
class Pages:
    """One method a page: what its template is filled with. Raise `NoSuchPage`.

    What takes long, of the homeserver or of this machine, happens after the database was left and beside the
    loop: meanwhile alarms must go on.
    """

    work: Work
    clock: Clock
    network: Network
    devices: Devices
    keys: Callable[[], Sequence[PublicKey]]
    """Whose signatures under a checkpoint count."""

    async def glance(self, _: web.Request, __: Reader) -> Values:
        """Rooms and members, coloured by what was found."""
        async with self.work.reading() as tx:
            audit, rooms = await tx.audits.latest(), await tx.rooms.all()
            members = await tx.members.all(MemberStatus.ADMITTED)
        return {
            "audit": audit,
            "stale": audit is not None and self.clock.now() - audit.at > STALE,
            "uncovered": spans(audit) if audit else (),
            "worst": audit.judgement.findings[:FEW] if audit else (),
            "groups": await asyncio.to_thread(overview, self.network, rooms, members, Found(audit)),
        }

    async def findings(self, request: web.Request, _: Reader) -> Values:
        """Everything that was found, worst first."""
        async with self.work.reading() as tx:
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

    async def rules(self, _: web.Request, reader: Reader) -> Values:
        """Rooms by rules, and members by rules."""
        async with self.work.reading() as tx:
            audit = await tx.audits.latest()
        if audit is None:
            return {"audit": None}
        worded = partial(said, reader, Dull(self.network))
        rooms = await asyncio.to_thread(rooms_by_rules, audit, self.network, worded)
        return {"audit": audit, "rooms": rooms, "members": members_by_rules(audit, worded)}

    async def room(self, request: web.Request, _: Reader) -> Values:
        """One room."""
        key = request.match_info["key"]
        async with self.work.reading() as tx:
            audit, rooms = await tx.audits.latest(), await tx.rooms.all()
            people = await tx.members.all(MemberStatus.ADMITTED)
        found = Found(audit)
        declared = next((each for each in declared_rooms(self.network) if each.key == key), None)
        findings, waived = found.of(About.ROOM, key), found.waived(About.ROOM, key)
        if declared is None and not findings and not waived:
            raise NoSuchPage
        room = next((room for room in rooms if room.key == key), None)
        members = who_is_in(self.network, people).get(RoomKey(key), ())
        return {
            "audit": audit,
            "key": key,
            "declared": declared,
            "room": room,
            "found": findings,
            "elsewhere": found.naming(About.ROOM, key, *([room.room_id] if room else [])),
            "waived": waived,
            "members": [(member, found.worst(About.MEMBER, member.localpart)) for member in members],
        }

    async def member(self, request: web.Request, _: Reader) -> Values:
        """One member, by pseudonym. Who that is stands nowhere in here."""
        name = request.match_info["name"]
        if not PSEUDONYM.fullmatch(name):  # a database cannot be asked for every character
            raise NoSuchPage
        async with self.work.reading() as tx:
            member = await tx.members.by_localpart(name)
            audit, terms = await tx.audits.latest(), await tx.members.terms()
        if member is None:
            raise NoSuchPage
        found, held = Found(audit), terms.get(member.id, {})
        rooms = self._rooms_of(member) if member.status is MemberStatus.ADMITTED else ()
        area = next((area for area in self.network.areas if area.key == member.placement.area), None)
        return {
            "audit": audit,
            "member": member,
            "area": area,
            "roles": [self._role(role, held.get(role)) for role in sorted(member.placement.roles)],
            "rooms": [(room, found.worst(About.ROOM, room.key)) for room in rooms],
            "devices": await self.devices(member.localpart),
            "found": found.of(About.MEMBER, member.localpart),
            "elsewhere": found.naming(About.MEMBER, member.localpart),
            "waived": found.waived(About.MEMBER, member.localpart),
        }

    async def time(self, request: web.Request, reader: Reader) -> Values:
        """How many findings there were, day by day."""
        count = _number(request, "days")
        count = count if count in SPANS else SPANS[1]
        now = self.clock.now()
        async with self.work.reading() as tx:
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

    async def waivers(self, _: web.Request, __: Reader) -> Values:
        """What somebody has decided to live with, those that have ended first."""
        async with self.work.reading() as tx:
            audit = await tx.audits.latest()
        now, waived = self.clock.now(), audit.judgement.waived if audit else ()

        def covered(waiver: Waiver) -> int:
            return sum(waiver.covers(each) for each in waived)

        rows = [(each, each.ends <= now, covered(each)) for each in self.network.waivers]
        return {"audit": audit, "waivers": sorted(rows, key=lambda row: row[0].until)}

    async def waiting(self, _: web.Request, __: Reader) -> Values:
        """Requests that wait for a second person. Their digits are told in the chats only."""
        async with self.work.reading() as tx:
            proposals = await tx.proposals.waiting()
        return {"proposals": sorted(proposals, key=lambda each: each.expires), "now": self.clock.now()}

    async def log(self, request: web.Request, _: Reader) -> Values:
        """The log of decisions, the newest first; with the newest, whether it holds."""
        before = _number(request, "before")
        async with self.work.reading() as tx:
            entries = await tx.log.all(max(0, before - 1 - MANY), MANY) if before else await tx.log.all()
            checkpoints = await tx.checkpoints.all()
        notes = [each.note for each in checkpoints]
        check = partial(examine, entries, kept=notes, keys=self.keys())
        verdict = None if before else await asyncio.to_thread(check)
        shown = [entry for entry in entries[-MANY:] if not before or entry.seq < before]
        return {
            "entries": [_told(entry) for entry in reversed(shown)],
            "head": entries[-1] if entries and not before else None,
            "verdict": verdict,
            "checkpoint": checkpoints[-1] if checkpoints else None,
            "older": shown[0].seq if shown and shown[0].seq > 1 else None,
        }

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
