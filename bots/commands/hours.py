"""When somebody who may approve can be woken: the audit names the hours in which too few are left."""

import re
from typing import Annotated

from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from bots.arguments import Kind
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.words import AROUND, latin_digits

DAY = 24
WHAT_HOUR = N_("Please write a full hour from 0 to 24, for example 7 or 22.")
NO_HOURS = N_("That would be no hour at all. For the whole day and night write 0, then 24.")
HOURS_SET = N_("Thank you. I may wake you from {begins} to {ends} ({zone}). To change it, write “hours”.")
MEANS = N_(
    "In these hours your colleagues count on you when something needs two persons, and I tell them ahead "
    "where too few are left. What rings stays the same: requests and safety messages come at any hour."
)


class Hour(Kind):
    """A full hour of a day."""

    open = digits = True

    async def read(self, _ctx: Context, typed: str) -> str:
        """In digits of any script, with `:00` or without."""
        bare = latin_digits(typed).strip(AROUND)
        found = re.fullmatch("([0-9]{1,2})(?:[:.h]0{0,2})?", bare)
        if found is None or int(found[1]) > DAY:
            raise Refusal(WHAT_HOUR)
        return str(int(found[1]))

    async def value(self, _ctx: Context, token: str) -> int:
        """0 to 24."""
        return int(token)


@command(
    "hours",
    words=N_("hours, wake me"),
    help=N_("Say when I may wake you"),
    args={
        "begins": N_("From when may I wake you? Write the hour as your clock shows it, 0 to 24."),
        "ends": N_("Until when? Write the hour, 0 to 24. It may be on the next day."),
    },
    needs=Permission.APPROVE,
    private=True,
)
async def hours(ctx: Context, begins: Annotated[int, Hour()], ends: Annotated[int, Hour()]) -> Reply:
    """Note when the asker can be reached, in their own zone."""
    first, last = begins % DAY, ends or DAY
    if first == last:
        raise Refusal(NO_HOURS)
    await ctx.tx.duties.set(ctx.member.id, first, last)
    zone = ctx.zone.replace("_", " ")
    return reply(Text(HOURS_SET, begins=f"{first:02}:00", ends=f"{last:02}:00", zone=zone), Text(MEANS))
