"""The language in which we speak with somebody."""

from typing import Annotated

from banyan.i18n import ENDONYMS, N_, Text
from bots.arguments import Language
from bots.context import Context
from bots.declare import Reply, command, reply

SPEAKS = N_("I speak {language} with you from now on.")


@command(
    "language",
    words=N_("language, change language"),
    help=N_("Change the language I speak with you"),
    args={"language": N_("Which language shall I speak with you?")},
)
async def language(ctx: Context, language: Annotated[str, Language()]) -> Reply:
    """Speak another language with the asker, beginning with this answer."""
    await ctx.tx.members.set_language(ctx.member.id, language)
    return reply(Text(SPEAKS, language=ENDONYMS[language]))
