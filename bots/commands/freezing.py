"""The brake: one word of the security staff ends all access of a member."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.i18n import N_, Text
from banyan.services.freezing import RECENT, Newcomers
from bots.arguments import Person
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.texts import lines

VOID = N_(
    "Invitations that {name} had asked for and nobody has used are void too: {count}. Whoever is still to be "
    "let in needs a new one."
)
JOINED = N_(
    "Joined in the last {hours} hours with an invitation that {name} had asked for: {count}. They are not "
    "frozen. Somebody else may have used the link, so make sure who they are."
)
WHO = N_("To see their names, write “freeze {name}” in your own chat with the desk.")

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
    newcomers = await ctx.services.freezing.newcomers(ctx.tx, who)
    subject = await ctx.services.freezing.freeze(ctx.tx, who, by=ctx.who)
    steps = await ctx.tx.outbox.of_subject(subject)
    own_chat = ctx.room_id == ctx.member.chat
    actor = Actor.DESK if own_chat else Actor.STEWARD
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
        *_invited(who, newcomers, named=own_chat),
    )


def _invited(who: Member, newcomers: Newcomers, *, named: bool) -> Iterator[Text]:
    """What became of those whom they wanted to let in. `named`: else one seized phone tells who is new."""
    if newcomers.awaited:
        yield Text(VOID, name=who.localpart, count=len(newcomers.awaited))
    if newcomers.joined:
        hours = RECENT // timedelta(hours=1)
        counted = Text(JOINED, name=who.localpart, hours=hours, count=len(newcomers.joined))
        names = Text("{names}", names=", ".join(each.localpart for each in newcomers.joined))
        yield lines([counted, names if named else Text(WHO, name=who.localpart)])
