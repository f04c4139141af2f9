"""Saying whether one is safe; and for staff, who has said what."""

from collections.abc import Sequence
from typing import Annotated

from banyan.domain.alerts import Alert
from banyan.domain.checkins import Answer
from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.services.vigil import SECURITY
from bots.alert_texts import KINDS
from bots.arguments import CHOOSE, Choice, Kind, Pick
from bots.context import Context
from bots.declare import Reply, Where, command, reply
from bots.rollcall import ANSWERS, QUESTION, THANKS, counted
from bots.words import asks, means

CHAT = frozenset({Where.CHAT})
MOST = 9
"""Roll calls that are offered: a digit each."""

HELP = N_("help, help me")
"""Asked whether they are safe, people who write this do not mean the menu."""

NOBODY_ASKED = N_("Nobody was asked yet: that is done after a message about a serious danger.")


class State(Pick):
    """Safe, in need of help, or not able to talk."""

    async def read(self, ctx: Context, typed: str) -> str:
        """Also the bare call for help, in any language. A question is no answer."""
        if asks(typed):
            raise Refusal(CHOOSE)
        if means(typed, HELP):
            return Answer.HELP.value
        return await super().read(ctx, typed)


@command(
    "answer",
    words=N_("answer, check in"),
    help=N_("Say whether you are safe"),
    args={"state": QUESTION},
    listed=False,
)
async def answer(ctx: Context, state: Annotated[Answer, State(ANSWERS)]) -> Reply:
    """Take the answer; another digit changes it."""
    said = await _take(ctx, state)
    await ctx.services.roll_call.asked(ctx.tx, ctx.member)
    return said


@command("safe", words=N_("safe, i am safe"), help=N_("Say that you are safe"), listed=False, exact=True)
async def safe(ctx: Context) -> Reply:
    """Answer the newest roll call."""
    return await _take(ctx, Answer.SAFE)


@command(
    "need help",
    words=N_("need help, i need help, help me"),
    help=N_("Say that you need help"),
    listed=False,
)
async def need_help(ctx: Context) -> Reply:
    """Answer the newest roll call."""
    return await _take(ctx, Answer.HELP)


@command(
    "cannot talk",
    words=N_("cannot talk, i cannot talk, i cannot talk now, can't talk"),
    help=N_("Say that you cannot talk now"),
    listed=False,
    exact=True,
)
async def cannot_talk(ctx: Context) -> Reply:
    """Answer the newest roll call."""
    return await _take(ctx, Answer.SILENT)


class Calls(Kind):
    """An alert after which members within the asker's reach were asked."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """The newest first."""
        called = await ctx.services.roll_call.called(ctx.tx, ctx.reach)
        if not called:
            raise Refusal(NOBODY_ASKED)
        label = N_("{what}, {received}")
        return [
            Choice(each.id, Text(label, what=Text(KINDS[each.kind]), received=each.received))
            for each in called[:MOST]
        ]

    async def value(self, ctx: Context, token: str) -> Alert:
        """The alert. Raise `Refusal` when its answers were erased meanwhile."""
        called = await ctx.services.roll_call.called(ctx.tx, ctx.reach)
        found = next((each for each in called if each.id == token), None)
        if found is None:
            raise Refusal(NOBODY_ASKED)
        return found


@command(
    "answers",
    words=N_("answers, roll call"),
    help=N_("See who is safe and who needs help after a safety message"),
    args={"alert": N_("After which message?")},
    needs=Permission.ALERT,
)
async def answers(ctx: Context, alert: Annotated[Alert, Calls()]) -> Reply:
    """Count what members within reach answered.

    Names are told in the asker's own chat and in the security room; other staff rooms hold people of other
    countries, who need not know them.
    """
    found = await ctx.services.roll_call.answers(ctx.tx, alert.id, ctx.reach)
    security = await ctx.tx.rooms.get(SECURITY)
    named = ctx.room_id in (ctx.member.chat, security and security.room_id)
    return reply(*counted(alert, found, named=named))


async def _take(ctx: Context, state: Answer) -> Reply:
    await ctx.services.roll_call.answer(ctx.tx, ctx.member, state)
    return reply(Text(THANKS[state]))
