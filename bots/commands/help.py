"""What the desk can do."""

from bots.declare import Context, command
from bots.texts import HELP_WORDS, Content, help_text, unknown_text


@command("help", words=HELP_WORDS)
async def help_(ctx: Context) -> Content:
    """Say what the desk can do, in the asker's language."""
    return help_text(ctx.member.language)


async def menu(ctx: Context) -> Content:
    """Say that it was not understood, and bring the help."""
    return unknown_text(ctx.member.language)
