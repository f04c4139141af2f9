"""What we know about the person who asks."""

from banyan.i18n import ENDONYMS, N_, Text
from bots.commands.rooms import GONE_SOON
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.texts import lines

NONE = N_("none")


@command("me", words=N_("who am I, me"), help=N_("See what I know about you"))
async def me(ctx: Context) -> Reply:
    """Name, group, language, duties, and how long messages stay."""
    placement, kept = ctx.member.placement, ctx.network.rooms
    group = next((area.code_name for area in ctx.network.areas if area.key == placement.area), "?")
    duties = ", ".join(sorted(placement.roles)).replace("_", " ")
    return reply(
        lines(
            [
                Text(N_("Your name here: {name}"), name=ctx.member.localpart),
                Text(N_("Your group: {group}"), group=group),
                Text(N_("I speak {language} with you."), language=ENDONYMS[ctx.member.language]),
                Text(N_("Your duties: {duties}"), duties=duties or Text(NONE)),
            ]
        ),
        Text(
            N_(
                "I remove what we write here after a day. What your group writes in its room is deleted "
                "after {days} days."
            ),
            days=kept.talk.keep_days,
        ),
        Text(GONE_SOON),
        brief=True,
    )
