"""Gatherings: announcing one, saying whether one comes, calling one off."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from banyan.domain.gatherings import Gathering, Rsvp
from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from bots.arguments import Addressed, Choice, Kind, Pick
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.texts import lines

MOST = 20
"""Gatherings that are offered at once: more than anybody reads."""

NO_REMINDER = "0"
REMINDERS = {
    "1440": N_("1 day before"),
    "180": N_("3 hours before"),
    "60": N_("1 hour before"),
    "10": N_("10 minutes before"),
    NO_REMINDER: N_("No reminder"),
}
"""Minutes before the beginning."""

ANSWERS = {Rsvp.YES: N_("I will come"), Rsvp.NO: N_("I cannot come"), Rsvp.MAYBE: N_("I do not know yet")}

SO_FAR = N_("So far: {yes} will come, {maybe} do not know yet.")
NONE_AHEAD = N_("No gathering is planned at the moment.")
TITLE, STARTS = N_("What: {title}"), N_("When: {starts}")
AREAS, REMINDED = N_("For: {areas}"), N_("Reminder: {reminder}")


class Reminder(Pick):
    """How long before the beginning people are reminded."""

    def __init__(self) -> None:
        super().__init__(REMINDERS)

    async def value(self, _ctx: Context, token: str) -> timedelta:
        """The time between; zero for no reminder."""
        return timedelta(minutes=int(token))


class Ahead(Kind):
    """A gathering ahead: of the asker's own area, or of those within reach."""

    obvious = False
    nothing = NONE_AHEAD

    def __init__(self, *, own: bool) -> None:
        self._own = own

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """The next one first."""
        areas = {ctx.member.placement.area} if self._own else ctx.reach
        found = await ctx.services.gatherings.coming(ctx.tx, areas)
        title = N_("{title}, {starts}")
        return [
            Choice(each.id, Text(title, title=each.title, starts=each.starts))
            for each in found
            if self._own or ctx.reach.issuperset(each.areas)
        ][:MOST]

    async def value(self, ctx: Context, token: str) -> Gathering:
        """The gathering as it is now."""
        found = await ctx.tx.gatherings.get(token)
        if found is None or not found.open(ctx.now):
            raise Refusal(N_("This gathering is over or was cancelled."))
        return found


async def _preview(ctx: Context, title: str, starts: datetime, area: Addressed, remind: timedelta) -> Reply:
    """Everything as it will be announced."""
    _check(ctx, starts, remind)
    label = Text(REMINDERS[str(int(remind.total_seconds() // 60))])
    return reply(
        lines(
            [
                Text(TITLE, title=title),
                Text(STARTS, starts=starts),
                Text(AREAS, areas=", ".join(each.key for each in area.areas)),
                Text(REMINDED, reminder=label),
            ]
        )
    )


@command(
    "gathering",
    words=N_("gathering, new gathering"),
    help=N_("Announce a gathering"),
    args={
        "title": N_("What is it called? Everybody who is asked will read it."),
        "starts": N_("When does it begin, by your clock? For example: tomorrow 19:00"),
        "area": N_("For whom?"),
        "remind": N_("When shall I remind those who come?"),
    },
    needs=Permission.GATHER,
    preview=_preview,
)
async def gathering(
    ctx: Context, title: str, starts: datetime, area: Addressed, remind: Annotated[timedelta, Reminder()]
) -> Reply:
    """Announce it in the guide rooms of the area."""
    moment = _check(ctx, starts, remind)
    services = ctx.services.gatherings
    await services.announce(ctx.tx, title, starts, area.areas, moment, by=ctx.member, actor=ctx.who)
    return reply(Text(N_("It is being announced now. Write “gatherings” to see who will come.")))


def _check(ctx: Context, starts: datetime, remind: timedelta) -> datetime | None:
    """The moment of the reminder. Raise `Refusal` when it has passed."""
    if not remind:
        return None
    if starts - remind <= ctx.now:
        raise Refusal(N_("It begins too soon for that reminder. Please choose a shorter time."))
    return starts - remind


async def _cancelling(_ctx: Context, which: Gathering) -> Reply:
    return reply(Text(TITLE, title=which.title), Text(STARTS, starts=which.starts))


@command(
    "gathering cancel",
    words=N_("cancel gathering, gathering cancel"),
    help=N_("Call a gathering off"),
    args={"which": N_("Which one?")},
    needs=Permission.GATHER,
    preview=_cancelling,
)
async def cancel(ctx: Context, which: Annotated[Gathering, Ahead(own=False)]) -> Reply:
    """Call it off, in the guide rooms and to everybody who may come."""
    await ctx.services.gatherings.cancel(ctx.tx, which.id, actor=ctx.who)
    return reply(Text(N_("It is called off. Those who wanted to come are told.")))


@command(
    "gatherings",
    words=N_("gatherings, meetings"),
    help=N_("See the gatherings ahead and say whether you come"),
    args={"which": N_("Which one? Answer with its number."), "answer": N_("Will you come?")},
)
async def gatherings(
    ctx: Context,
    which: Annotated[Gathering, Ahead(own=True)],
    answer: Annotated[Rsvp, Pick(ANSWERS)],
) -> Reply:
    """Note whether the asker comes."""
    services = ctx.services.gatherings
    await services.answer(ctx.tx, which.id, ctx.member, answer)
    counts = await services.counts(ctx.tx, which.id)
    return reply(
        Text(N_("Noted: {answer}. You can change it at any time."), answer=Text(ANSWERS[answer])),
        Text(SO_FAR, yes=counts[Rsvp.YES], maybe=counts[Rsvp.MAYBE]),
    )
