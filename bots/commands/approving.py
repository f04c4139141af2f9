"""Standing behind what somebody else asked for, or ending it."""

from collections.abc import Sequence
from typing import Annotated

from banyan.domain.approvals import Proposal, ProposalKind
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from bots.alert_preview import FOR, addressed
from bots.alert_texts import alert_in
from bots.arguments import Kind
from bots.context import Context
from bots.declare import Reply, Where, command, reply
from bots.proposals import PREVIEWS, author_name
from bots.texts import worded
from bots.words import number

STAFF = frozenset({Where.STAFF})

KINDS = {
    ProposalKind.ALERT: N_("a safety message"),
    ProposalKind.INVITE: N_("letting somebody in"),
    ProposalKind.ROLE: N_("a role"),
}
"""What waits, in a word or two."""

HERE = N_("{code}: {what}, asked for by {who}, until {until}")
YOURS = N_("{code}: {what}, asked for by you, until {until}")
ELSEWHERE = N_("In another room: {what}, asked for by {who}, until {until}")
DIGITS = N_("Please write the four digits that stand in the request.")


class Code(Kind):
    """The digits of a proposal, in any script."""

    open = digits = True

    async def read(self, ctx: Context, typed: str) -> str:  # noqa: ARG002 - whether it waits is asked later
        """Four digits."""
        digits = number(typed)
        if digits is None or len(digits) != 4:  # noqa: PLR2004
            raise Refusal(DIGITS)
        return digits


@command(
    "approve",
    words=N_("approve, agree"),
    help=N_("Stand behind a request, by its four digits"),
    args={"code": DIGITS},
    where=STAFF,
)
async def approve(ctx: Context, code: Annotated[str, Code()]) -> Reply:
    """Count the asker."""
    approvals = ctx.services.approvals
    counted = await approvals.approve(ctx.tx, code, ctx.member, by=ctx.who, known_since=ctx.known_since)
    if counted.missing:
        return reply(
            Text(N_("You are counted for {code}. One more person has to write its number."), code=code)
        )
    return reply(Text(N_("Two of you stand behind {code}. It is being done now."), code=code))


@command(
    "refuse",
    words=N_("refuse, reject"),
    help=N_("End a request, by its four digits"),
    args={"code": DIGITS},
    where=STAFF,
)
async def refuse(ctx: Context, code: Annotated[str, Code()]) -> Reply:
    """End a proposal for good."""
    await ctx.services.approvals.refuse(ctx.tx, code, ctx.member, by=ctx.who)
    return reply(Text(N_("Request {code} is ended. Nothing was done."), code=code))


@command(
    "waiting",
    words=N_("waiting, requests"),
    help=N_("See which requests wait for a second person"),
    where=STAFF,
)
async def waiting(ctx: Context) -> Reply:
    """List the proposals that the asker may decide about or asked for."""
    found = await ctx.services.approvals.waiting(ctx.tx, ctx.member)
    if not found:
        return reply(Text(N_("No request waits.")))
    return reply(
        Text(N_("These requests wait:")), *[each for one in found for each in await _shown(ctx, one)]
    )


async def _shown(ctx: Context, proposal: Proposal) -> Sequence[Text]:
    """One that waits: whole where it is shown anyway, else what kind it is.

    The digits stand beside the whole request only: who types them has read it. Who asked cannot be counted,
    and needs them to end it.
    """
    what, who = Text(KINDS[proposal.kind]), author_name(proposal)
    room = await ctx.tx.rooms.by_id(ctx.room_id)
    if room is not None and room.key == ctx.services.approvals.room(proposal):
        head = Text(HERE, code=proposal.code, what=what, who=who, until=proposal.expires)
        return [head, *await _preview(ctx, proposal)]
    if proposal.member_id == ctx.member.id:
        return [Text(YOURS, code=proposal.code, what=what, until=proposal.expires)]
    return [Text(ELSEWHERE, what=what, who=who, until=proposal.expires)]


async def _preview(ctx: Context, proposal: Proposal) -> Sequence[Text]:
    """What would be done. A safety message in the asker's language: the request itself shows every one."""
    if proposal.kind is not ProposalKind.ALERT:
        return await PREVIEWS[proposal.kind](ctx.tx, proposal)
    alert = await ctx.tx.alerts.get(proposal.about["alert_id"])
    if alert is None:
        return []
    said = alert_in(ctx.member.language, alert, ctx.zone, confirmed=True)
    return [Text(FOR, areas=addressed(alert.areas)), *map(worded, said)]
