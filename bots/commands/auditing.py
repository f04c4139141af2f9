"""Whether the rules are kept: what the last audit found, one finding whole, putting rooms right.

Answered in the security room and in an auditor's own chat; other staff rooms hold people who need not know.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from banyan.domain.conversations import Conversation
from banyan.domain.findings import Judgement
from banyan.domain.people import Member
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKey
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.services.audit import concerning
from banyan.services.remedies import Deed
from banyan.services.reporting import ARGUMENT, COMMAND, MOST, Matter, key, matters, tokens
from bots.arguments import CHOOSE, Pick
from bots.audited import (
    ANYBODY,
    DIGITS,
    NO_REMEDY,
    Findings,
    Remediable,
    Rooms,
    Seen,
    last_seen,
    remedy_of,
)
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.findings import HOW, MORE, line, numbered, options, report_said, whole
from bots.texts import lines
from policies.rooms import declared_rooms

FRESH = timedelta(seconds=30)
"""How old what was seen may be for somebody who asks now: they may have put something right just before."""

WAITS = timedelta(minutes=30)

NEVER = N_("I have not looked yet. I am looking now, and tell you here within a minute.")
AGAIN = N_("I am looking again now, and tell you here within a minute.")
WELL_THERE = N_("{name}: every rule is kept. I looked: {at}.")
FOUND_THERE = N_("{name}: these rules are not kept. I looked: {at}.")

SHALL_I = {
    Deed.RESTORE: N_("Shall I put it right? So many rooms would be set as they ought to be: {count}."),
    Deed.THAW: N_("Shall I open this room again? Then people can write in it as before."),
    Deed.ACCEPT: N_("Have you heard their voice, and are these new keys theirs? Then I take them as theirs."),
}
DO_IT, LEAVE_IT = N_("Do it now"), N_("Leave it as it is")
DOING = N_("It is being done now. I look at everything again then, and tell you here within a minute.")
LEFT = N_("I left it as it is.")
YES = "yes"


@command(
    "audit",
    words=N_("audit, check the rules"),
    help=N_("See whether the rules are kept"),
    needs=Permission.AUDIT,
)
async def audit(ctx: Context) -> Reply:
    """Tell what the last audit found; look again when that was a while ago."""
    seen = await last_seen(ctx)
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
    seen = await last_seen(ctx)
    found = seen.matters if seen else ()
    if isinstance(which, int):
        await _offer(ctx, tokens(found, which))
        return reply(numbered(ctx.network, found, which), Text(HOW))
    said = whole(ctx.network, which, await ctx.services.reports.since(ctx.tx))
    remedy = await remedy_of(ctx, which)
    if remedy is None:
        await _offer(ctx, _page(found, which))
        return reply(*said)
    token = which.rule if len(which.findings) > 1 else key(which.findings[0])
    asked = Conversation(
        ctx.room_id, ctx.member.id, "repair", {"which": token}, "sure", (YES,), ctx.now + WAITS
    )
    await ctx.tx.conversations.put(asked)
    choose = lines([options([Text(DO_IT)]), Text("{number}. {label}", number=0, label=Text(LEAVE_IT))])
    return reply(*said, Text(SHALL_I[remedy.deed], count=len(remedy.rooms)), choose)


@command(
    "repair",
    words=N_("repair, put right"),
    help=N_("Have something put right"),
    args={"which": N_("Which of these?"), "sure": N_("Shall I put it right?")},
    needs=Permission.AUDIT,
    listed=False,
)
async def repair(
    ctx: Context, which: Annotated[Matter | int, Remediable()], sure: Annotated[str, Pick({YES: DO_IT})] = ""
) -> Reply:
    """Have done what we can do about a finding, then look again."""
    seen = await last_seen(ctx)
    if isinstance(which, int):
        raise Refusal(CHOOSE)
    if not sure:
        await _offer(ctx, _page(seen.matters if seen else (), which))
        return reply(Text(LEFT))
    remedy = await remedy_of(ctx, which)
    if remedy is None:
        raise Refusal(NO_REMEDY)
    await ctx.services.remedies.carry_out(ctx.tx, remedy, by=ctx.who)
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
    seen = await last_seen(ctx)
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
