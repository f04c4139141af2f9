"""What commands can be asked about an audit: one rule that is not kept, a room, a member."""

from collections.abc import Sequence
from dataclasses import dataclass

from banyan.domain.findings import Audit, Finding
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import RoomKey
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.services.remedies import Remedy
from banyan.services.reporting import AFTER, MOST, Matter, Report, key, matters, report_of, tokens
from banyan.services.vigil import SECURITY
from bots.arguments import Choice, Kind, Person, Pick
from bots.context import Context
from bots.findings import MORE, line
from policies.rooms import declared_rooms

DIGITS = 9
"""Findings of one room or member that are offered: a digit each."""

NOT_HERE = N_("I tell that in the security room and in your own chat only.")
GONE = N_("That is put right already, or it is not as it was. Write “audit” to see what is left.")
NONE_LEFT = N_("As far as I have seen, every rule is kept. Write “audit” and I look again.")
NO_ROOM = N_("As far as I have seen, every rule is kept in every room. Write “audit” and I look again.")
NO_REMEDY = N_("There is nothing here that I could do myself. Write “audit” to see what is left.")

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


async def last_seen(ctx: Context) -> Seen | None:
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
        seen = await last_seen(ctx)
        found = seen.matters if seen else ()
        labels = [line(ctx.network, matter) for matter in found[:MOST]]
        if len(found) > MOST:
            labels.append(Text(MORE, count=len(found) - MOST))
        return [Choice(*each) for each in zip(tokens(found), labels, strict=True)]

    async def value(self, ctx: Context, token: str) -> Matter | int:
        """What is left of it. Raise `Refusal` when it is put right."""
        seen, start = await last_seen(ctx), token.removeprefix(AFTER)
        if seen and start != token and int(start) < len(seen.matters):
            return int(start)
        found = [each for each in (seen.findings if seen else ()) if token in (each.rule, key(each))]
        if not found:
            raise Refusal(GONE)
        return matters(found)[0]


class Remediable(Findings):
    """One rule that is not kept and about which we can do something."""

    nothing = NO_REMEDY

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """Worst first."""
        seen = await last_seen(ctx)
        found = [matter for matter in (seen.matters if seen else ()) if await remedy_of(ctx, matter)]
        return [Choice(matter.rule, line(ctx.network, matter)) for matter in found[:DIGITS]]


class Rooms(Kind):
    """A declared room within the asker's reach; those in which something was found are offered."""

    nothing = NO_ROOM

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """By their code names."""
        seen = await last_seen(ctx)
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


async def remedy_of(ctx: Context, matter: Matter) -> Remedy | None:
    """What we can do about it, when the asker says so."""
    return await ctx.services.remedies.find(ctx.tx, matter.findings, by=ctx.member)
