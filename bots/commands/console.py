"""The way into the console: a link in the officer's own chat."""

from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from bots.commands.rooms import GONE_SOON
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.interpreter import MAY_NOT

HOW = N_(
    "This opens the console, once, within five minutes. Open it on the computer from which you have made the "
    "tunnel to our server, best in a private window:"
)
ALONE = N_("It lets in whoever opens it first, as you. Please pass it on to nobody.")


@command(
    "console",
    words=N_("console, open console"),
    help=N_("Open the page on which you see whether the rules are kept"),
    needs=Permission.AUDIT,
    private=True,
)
async def console(ctx: Context) -> Reply:
    """Hand the link over; it is erased with the message. To those only who may see every area."""
    if not ctx.services.console.may_enter(ctx.member):
        raise Refusal(MAY_NOT)
    link = await ctx.services.console.link(ctx.tx, ctx.member)
    return reply(Text(HOW), Text("{link}", link=link), Text(ALONE), Text(GONE_SOON), brief=True)
