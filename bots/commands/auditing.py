"""Whether the rules are kept: what the last audit found, one finding whole, putting rooms right.

Answered in the security room and in an auditor's own chat; other staff rooms hold people who need not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from banyan.domain.conversations import Conversation
from banyan.domain.findings import Audit, Finding, Judgement
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKey
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.services.audit import concerning
from banyan.services.reporting import (
    AFTER,
    ARGUMENT,
    COMMAND,
    MOST,
    Matter,
    Report,
    key,
    matters,
    report_of,
    tokens,
)
from banyan.services.vigil import SECURITY
from bots.arguments import CHOOSE, Choice, Kind, Person, Pick
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.findings import HOW, MORE, line, numbered, options, report_said, whole
from bots.texts import lines
from policies.rooms import declared_rooms

FRESH = timedelta(minutes=5)
"""How old what was seen may be for somebody who asks now."""

WAITS = timedelta(minutes=30)

DIGITS = 9
"""Findings of one room or member that are offered: a digit each."""

NOT_HERE = N_("I tell that in the security room and in your own chat only.")
NEVER = N_("I have not looked yet. I am looking now, and tell you here within a minute.")
AGAIN = N_("That was a while ago. I am looking again now, and tell you here within a minute.")
GONE = N_("That is put right already, or it is not as it was. Write “audit” to see what is left.")
NONE_LEFT = N_("As far as I have seen, every rule is kept. Write “audit” and I look again.")
NO_ROOM = N_("As far as I have seen, every rule is kept in every room. Write “audit” and I look again.")
NO_REPAIR = N_("There is nothing that I could put right by myself. Write “audit” to see what is left.")
WELL_THERE = N_("{name}: every rule is kept. I looked: {at}.")
FOUND_THERE = N_("{name}: these rules are not kept. I looked: {at}.")

SHALL_I = N_("Shall I put it right? So many rooms would be set as they ought to be: {count}.")
DO_IT, LEAVE_IT = N_("Put it right now"), N_("Leave it as it is")
DOING = N_("It is being put right now. I look again then, and tell you here within a minute.")
LEFT = N_("I left it as it is.")
YES = "yes"

ANYBODY = Person(*MemberStatus)
"""Those who left too: what is left of them is what one looks for."""


@dataclass(frozen=True)
class Seen:
    """What the asker may know of the last audit."""

    audit: Audit
    findings: tuple[Finding, ...]

    @property
    def matters(self) -> tuple[Matter, ...]:
        """One for each rule, worst first."""
        return matters(self.findings)

    @property
    def report(self) -> Report:
        """As it is told."""
        return report_of(self.audit, self.findings)


async def _seen(ctx: Context) -> Seen | None:
    """The last audit; None when there was none. Raise `Refusal` where others would read it."""
    security = await ctx.tx.rooms.get(SECURITY)
    if ctx.room_id not in (ctx.member.chat, security and security.room_id):
        raise Refusal(NOT_HERE)
    audit = await ctx.tx.audits.latest()
    if audit is None:
        return None
    return Seen(audit, await ctx.services.reports.visible(ctx.tx, ctx.member, audit.judgement.findings))


class Findings(Kind):
    """One rule that is not kept, one finding of it, or the page that begins at a place."""

    nothing = NONE_LEFT

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """Worst first, the first page."""
        seen = await _seen(ctx)
        found = seen.matters if seen else ()
        labels = [line(ctx.network, matter) for matter in found[:MOST]]
        if len(found) > MOST:
            labels.append(Text(MORE, count=len(found) - MOST))
        return [Choice(*each) for each in zip(tokens(found), labels, strict=True)]

    async def value(self, ctx: Context, token: str) -> Matter | int:
        """What is left of it. Raise `Refusal` when it is put right."""
        start = token.removeprefix(AFTER)
        if start != token and start.isdecimal():
            return int(start)
        seen = await _seen(ctx)
        found = [each for each in (seen.findings if seen else ()) if token in (each.rule, key(each))]
        if not found:
            raise Refusal(GONE)
        return matters(found)[0]


class Repairable(Findings):
    """One rule that is not kept and that the warden can put right."""

    nothing = NO_REPAIR

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """Worst first."""
        seen = await _seen(ctx)
        able = ctx.services.reports.repairable
        found = [matter for matter in (seen.matters if seen else ()) if await able(ctx.tx, matter.findings)]
        return [Choice(matter.rule, line(ctx.network, matter)) for matter in found[:DIGITS]]


class Rooms(Kind):
    """A declared room within the asker's reach; those in which something was found are offered."""

    nothing = NO_ROOM

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """By their code names."""
        seen = await _seen(ctx)
        named = {finding.subject.name for finding in (seen.findings if seen else ())}
        return [each for each in await _rooms(ctx).choices(ctx) if each.token in named]

    async def read(self, ctx: Context, typed: str) -> str:
        """Any of them, by its code name or its key."""
        return await _rooms(ctx).read(ctx, typed)

    async def value(self, ctx: Context, token: str) -> RoomKey:
        """The room's key."""
        return RoomKey(await _rooms(ctx).read(ctx, token))


def _rooms(ctx: Context) -> Pick:
    everywhere = len(ctx.reach) == len(ctx.network.areas)
    return Pick(
        {
            str(room.key): room.name
            for room in declared_rooms(ctx.network)
            if everywhere or room.area in ctx.reach
        }
    )


@command(
    "audit",
    words=N_("audit, check the rules"),
    help=N_("See whether the rules are kept"),
    needs=Permission.AUDIT,
)
async def audit(ctx: Context) -> Reply:
    """Tell what the last audit found; look again when that was a while ago."""
    seen = await _seen(ctx)
    again = await _look_again(ctx, seen)
    if seen is None:
        return reply(*again)
    await _offer(ctx, tokens(seen.matters))
    return reply(*report_said(ctx.network, seen.report, ctx.zone), *again)


@command(
    "finding",
    words=N_("finding, findings"),
    help=N_("See one of the rules that are not kept, and what to do"),
    args={"which": N_("Which of these?")},
    needs=Permission.AUDIT,
    listed=False,
)
async def finding(ctx: Context, which: Annotated[Matter | int, Findings()]) -> Reply:
    """Show a finding whole, and offer to put it right; or show the next page."""
    seen = await _seen(ctx)
    found = seen.matters if seen else ()
    if isinstance(which, int):
        await _offer(ctx, tokens(found, which))
        return reply(numbered(ctx.network, found, which), Text(HOW))
    said = whole(ctx.network, which, await ctx.services.reports.since(ctx.tx))
    rooms = await ctx.services.reports.repairable(ctx.tx, which.findings)
    if not rooms:
        await _offer(ctx, _page(found, which))
        return reply(*said)
    token = which.rule if len(which.findings) > 1 else key(which.findings[0])
    asked = Conversation(
        ctx.room_id, ctx.member.id, "repair", {"which": token}, "sure", (YES,), ctx.now + WAITS
    )
    await ctx.tx.conversations.put(asked)
    choose = lines([options([Text(DO_IT)]), Text("{number}. {label}", number=0, label=Text(LEAVE_IT))])
    return reply(*said, Text(SHALL_I, count=len(rooms)), choose)


@command(
    "repair",
    words=N_("repair, put right"),
    help=N_("Have a room put right"),
    args={"which": N_("Which of these?"), "sure": N_("Shall I put it right?")},
    needs=Permission.AUDIT,
    listed=False,
)
async def repair(
    ctx: Context, which: Annotated[Matter | int, Repairable()], sure: Annotated[str, Pick({YES: DO_IT})] = ""
) -> Reply:
    """Have the warden put the rooms of a finding right, then look again."""
    seen = await _seen(ctx)
    if isinstance(which, int):
        raise Refusal(CHOOSE)
    if not sure:
        await _offer(ctx, _page(seen.matters if seen else (), which))
        return reply(Text(LEFT))
    rooms = await ctx.services.reports.repairable(ctx.tx, which.findings)
    if not rooms:
        raise Refusal(NO_REPAIR)
    await ctx.services.reports.repair(ctx.tx, rooms, by=ctx.who)
    await ctx.services.reports.ask(ctx.tx, ctx.member, ctx.room_id, ctx.now)
    return reply(Text(DOING))


@command(
    "audit room",
    words=N_("audit room, check room"),
    help=N_("See which rules are not kept in one room"),
    args={"room": N_("Which room?")},
    needs=Permission.AUDIT,
)
async def audit_room(ctx: Context, room: Annotated[RoomKey, Rooms()]) -> Reply:
    """Tell what the last audit found in it."""
    names = {str(each.key): each.name for each in declared_rooms(ctx.network)}
    existing = await ctx.tx.rooms.get(room)
    return await _about(ctx, names[room], room, *([existing.room_id] if existing else []))


@command(
    "audit member",
    words=N_("audit member, check member"),
    help=N_("See which rules are not kept by one member or about them"),
    args={"who": N_("Who? Write their name.")},
    needs=Permission.AUDIT,
)
async def audit_member(ctx: Context, who: Annotated[Member, ANYBODY]) -> Reply:
    """Tell what the last audit found about them, in rooms too."""
    return await _about(ctx, who.localpart, who.localpart)


async def _about(ctx: Context, name: str, *subjects: str) -> Reply:
    """Tell what was found about one room or member, worst first."""
    seen = await _seen(ctx)
    again = await _look_again(ctx, seen)
    if seen is None:
        return reply(*again)
    found = concerning(Judgement(seen.findings), *subjects).findings
    if not found:
        return reply(Text(WELL_THERE, name=name, at=seen.audit.at), *again)
    shown = found[:DIGITS]
    await _offer(ctx, tuple(map(key, shown)))
    said = [line(ctx.network, matter) for each in shown for matter in matters([each])]
    rest = [Text(MORE, count=len(found) - DIGITS)] if len(found) > DIGITS else []
    return reply(Text(FOUND_THERE, name=name, at=seen.audit.at), options(said), *rest, Text(HOW), *again)


async def _look_again(ctx: Context, seen: Seen | None) -> Sequence[Text]:
    """Have everything looked at unless that was done just now; what to say about it."""
    if seen is not None and seen.audit.at > ctx.now - FRESH:
        return []
    await ctx.services.reports.ask(ctx.tx, ctx.member, ctx.room_id, ctx.now)
    return [Text(AGAIN if seen else NEVER)]


async def _offer(ctx: Context, numbers: tuple[str, ...]) -> None:
    """Take a number as an answer to what is said now."""
    if numbers:
        until = ctx.now + WAITS
        asked = Conversation(ctx.room_id, ctx.member.id, COMMAND, {}, ARGUMENT, numbers, until)
        await ctx.tx.conversations.put(asked)


def _page(found: Sequence[Matter], shown: Matter) -> tuple[str, ...]:
    """Numbers of the page on which something stands: people go on reading there."""
    rules = [matter.rule for matter in found]
    return tokens(found, rules.index(shown.rule) // MOST * MOST)
