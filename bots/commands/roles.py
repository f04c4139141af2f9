"""Giving and taking roles. Two persons stand behind it, and neither is the one whom it is about."""

from typing import Annotated

from banyan.domain.approvals import ProposalKind
from banyan.domain.people import Member
from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.services.approvals import ABOUT_YOU
from banyan.services.decisions import about_role
from bots.arguments import Roles
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.proposals import GIVE, TAKE, role_name

WHO = N_("Who is it about? Write their name, like amber-heron.")
WHICH = N_("Which role?")
ASKED = N_(
    "Somebody else has to stand behind it. I have asked in the security room: when a second person writes "
    "the number of the request there, it is done. It runs out {until}."
)

Role = Annotated[str, Roles()]


async def show_giving(ctx: Context, who: Member, role: Role) -> Reply:
    """What would be given."""
    return await _show(ctx, who, role, give=True)


async def show_taking(ctx: Context, who: Member, role: Role) -> Reply:
    """What would be taken."""
    return await _show(ctx, who, role, give=False)


@command(
    "role give",
    words=N_("role give, give role"),
    help=N_("Give somebody a role"),
    args={"who": WHO, "role": WHICH},
    needs=Permission.ROLES,
    preview=show_giving,
)
async def give(ctx: Context, who: Member, role: Role) -> Reply:
    """Ask for a second person."""
    return await _propose(ctx, who, role, give=True)


@command(
    "role take",
    words=N_("role take, take role"),
    help=N_("Take a role from somebody"),
    args={"who": WHO, "role": WHICH},
    needs=Permission.ROLES,
    preview=show_taking,
)
async def take(ctx: Context, who: Member, role: Role) -> Reply:
    """Ask for a second person."""
    return await _propose(ctx, who, role, give=False)


async def _show(ctx: Context, who: Member, role: str, *, give: bool) -> Reply:
    await _check(ctx, who, role, give=give)
    return reply(Text(GIVE if give else TAKE, member=who.localpart, role=role_name(role)))


async def _propose(ctx: Context, who: Member, role: str, *, give: bool) -> Reply:
    await _check(ctx, who, role, give=give)
    proposal = await ctx.services.approvals.propose(
        ctx.tx,
        ProposalKind.ROLE,
        about_role(who, role, give=give),
        author=ctx.who,
        member=ctx.member,
        known_since=ctx.known_since,
    )
    return reply(Text(ASKED, until=proposal.expires))


async def _check(ctx: Context, who: Member, role: str, *, give: bool) -> None:
    """Refuse at once what would be refused at the end."""
    if who.id == ctx.member.id:
        raise Refusal(ABOUT_YOU)
    await ctx.services.roles.check(ctx.tx, who.id, role, give=give)
