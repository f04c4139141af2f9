"""The brake: one word of the security staff ends all access of a member."""

from typing import Annotated

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.i18n import N_, Text
from bots.arguments import Person
from bots.context import Context
from bots.declare import Reply, command, reply

ANYBODY = Person(MemberStatus.INVITED, MemberStatus.ADMITTED, MemberStatus.FROZEN)


@command(
    "freeze",
    words=N_("freeze, block"),
    help=N_("End all access of a member, at once"),
    args={"who": N_("Whose access shall end, at once? Write their name.")},
    needs=Permission.FREEZE,
)
async def freeze(ctx: Context, who: Annotated[Member, ANYBODY]) -> Reply:
    """End it, without asking again: who takes a phone needs a minute. Tell when it is done."""
    subject = await ctx.services.freezing.freeze(ctx.tx, who, by=ctx.who)
    steps = await ctx.tx.outbox.of_subject(subject)
    actor = Actor.DESK if ctx.room_id == ctx.member.chat else Actor.STEWARD
    told = {
        "subject": subject,
        "room_id": ctx.room_id,
        "language": ctx.member.language,
        "name": who.localpart,
    }
    done = NewEffect(actor, "frozen", told, after=steps[-1].id, secret=True)
    await ctx.tx.outbox.put(done)
    return reply(
        Text(N_("I am ending all access of {name} now, and tell you when it is done."), name=who.localpart),
        Text(N_("It stays ended until people have made sure who they are. I never lift it by myself.")),
    )
