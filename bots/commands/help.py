"""What somebody can ask for."""

from collections.abc import Sequence
from typing import Annotated

from banyan.i18n import N_, Text
from bots.arguments import Choice, Kind
from bots.context import Context
from bots.declare import CommandTable, Reply, Where, allowed, command, reply
from bots.texts import HELP


class Commands(Kind):
    """A command of this place that the asker may call."""

    obvious = False

    def __init__(self) -> None:
        self.table: CommandTable | None = None
        """Set once the table is made, for it holds this one too."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """In the order of the table."""
        where = Where.CHAT if ctx.room_id == ctx.member.chat else Where.STAFF
        return [
            Choice(each.name, Text(each.help))
            for each in (self.table.commands if self.table else ())
            if each.listed and allowed(each, ctx, where)
        ]


COMMANDS = Commands()


@command(
    "help",
    words=N_("help, menu, what can you do"),
    help=N_("See what you can ask me for"),
    args={"which": N_("What can I do for you? Answer with a number.")},
    where=frozenset(Where),
    intro=HELP,
    listed=False,
)
async def help_(_ctx: Context, which: Annotated[str, COMMANDS]) -> Reply:
    """Begin whatever was chosen from the menu."""
    return reply(then=which)
