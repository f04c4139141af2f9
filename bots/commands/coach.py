"""The first steps of a newcomer, one at a time: each is a command that asks one thing and leads to the next.

What was asked is in the database: whoever answers three days and a restart later goes on where they were.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from banyan.domain.effects import Actor, EffectState, NewEffect
from banyan.i18n import ENDONYMS, N_, Text, translate
from bots.arguments import Choice, Language, Pick
from bots.commands.language import SPEAKS
from bots.context import Context
from bots.declare import Command, Reply, command, reply
from bots.texts import message

PATIENCE = timedelta(days=7)
"""How long a step waits for its answer."""

A_DAY = timedelta(days=1)

DONE, HOW, LATER, YES, NO = "done", "how", "later", "yes", "no"
ANSWERS = {DONE: N_("Done"), HOW: N_("How do I do that?"), LATER: N_("Later")}

LATER_WITH_WORD = N_("All right, later. When you have time, write “{word}” to me.")
REMINDED_ONCE = N_("I will remind you once, tomorrow.")
REMINDER = N_("A reminder: there are first steps left that keep you safe. Write “{word}” and we go on.")

FINISHED = N_("That was the last step. Thank you! Write “help” to me at any time.")


class FirstLanguage(Language):
    """One of our languages, or not now."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """All of them, then not now."""
        return [*await super().choices(ctx), Choice(LATER, Text(ANSWERS[LATER]))]


START = N_("start, begin, first steps")


@command(
    "start",
    words=START,
    help=N_("Go through the first steps again"),
    args={"language": N_("Step 1 of 5: which language shall I speak with you? Answer with a number.")},
    patience=PATIENCE,
)
async def start(ctx: Context, language: Annotated[str, FirstLanguage()]) -> Reply:
    """Confirm or change the language."""
    if language == LATER:
        return await _put_off(ctx, START)
    await ctx.tx.members.set_language(ctx.member.id, language)
    return reply(Text(SPEAKS, language=ENDONYMS[language]), then="device")


def _step(name: str, words: str, help_: str, question: str, how: str, following: str) -> Command:
    """One step: something to do, how it is done, and what comes after it."""

    async def run(ctx: Context, answer: Annotated[str, Pick(ANSWERS)]) -> Reply:
        if answer == HOW:
            return reply(Text(how), then=name)
        return await _put_off(ctx, words) if answer == LATER else reply(then=following)

    return command(name, words=words, help=help_, args={"answer": question}, listed=False, patience=PATIENCE)(
        run
    )


device = _step(
    "device",
    N_("device, devices"),
    N_("Confirm your devices"),
    N_(
        "Step 2 of 5: your device. The one you write with is confirmed, or I could not read you. If you use "
        "another phone or a computer too, confirm it as well."
    ),
    N_(
        "Log in on the other device. Element asks there to confirm your identity: choose “Use another "
        "device”. Accept on the first one, and compare the signs that both show: they must be the same."
    ),
    "recovery key",
)

recovery = _step(
    "recovery key",
    N_("recovery key, recovery"),
    N_("Set up a recovery key"),
    N_(
        "Step 3 of 5: a recovery key. With it you can read your messages on a new phone. Write it on paper, "
        "keep it away from your phone, and give it to nobody: I never ask for it."
    ),
    N_(
        "In Element open Settings, then Encryption, then “Set up recovery”. Copy the key onto paper by hand "
        "and type it in when you are asked. Take no photo of it."
    ),
    "lock screen",
)

lock_screen = _step(
    "lock screen",
    N_("lock screen, previews"),
    N_("Hide messages on the lock screen"),
    N_("Step 4 of 5: the lock screen. Whoever sees your locked phone should not read messages on it."),
    N_(
        "On Android open Settings, then Notifications, then Lock screen, and choose to hide content. On an "
        "iPhone open Settings, then Notifications, then Show Previews, and choose Never."
    ),
    "last step",
)


@command(
    "last step",
    words=N_("last step"),
    help=N_("Hear what your rooms are for"),
    args={
        "answer": N_(
            "Step 5 of 5: your rooms. Their names say nothing, on purpose. Shall I say what they are for?"
        )
    },
    listed=False,
    patience=PATIENCE,
)
async def last(ctx: Context, answer: Annotated[str, Pick({YES: N_("Yes"), NO: N_("No")})]) -> Reply:
    """Tell what the rooms are for, perhaps, and end."""
    for effect in await ctx.tx.outbox.of_subject(_subject(ctx)):
        if effect.state is EffectState.QUEUED:  # nothing is left to be reminded of
            await ctx.tx.outbox.done(effect.id, ctx.now, {})
    return reply(Text(FINISHED), then="rooms" if answer == YES else None)


async def _put_off(ctx: Context, words: str) -> Reply:
    """Stop kindly, and remind once in a lifetime, a day later."""
    word = translate(words, ctx.member.language).split(",")[0].strip()
    said = Text(LATER_WITH_WORD, word=word)
    if await ctx.tx.outbox.known([_subject(ctx)]):
        return reply(said)
    content = message([Text(REMINDER, word=word)], ctx.member.language, rings=True)
    await ctx.tx.outbox.put(
        NewEffect(
            Actor.DESK,
            "say",
            {"room_id": ctx.room_id, "content": content},
            subject=_subject(ctx),
            dedupe=_subject(ctx),
            not_before=ctx.now + A_DAY,
            secret=True,
        )
    )
    return reply(said, Text(REMINDED_ONCE))


def _subject(ctx: Context) -> str:
    return f"first-steps:{ctx.member.id}"
