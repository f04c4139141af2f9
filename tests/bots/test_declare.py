"""The command table: every word leads to one command."""

import pytest

from banyan.i18n import LANGUAGES, translate
from bots.commands import DESK
from bots.declare import CommandTable, command
from bots.texts import HELP_WORDS


async def nothing(ctx):
    return {}


def test_every_word_of_every_language_is_understood():
    """Whoever types a word of their own language is understood, in capitals and with a question mark."""
    (help_,) = DESK.commands
    for language in LANGUAGES:
        for word in translate(HELP_WORDS, language).split(","):
            assert DESK.find(f" {word.upper()} ?") is help_.run


def test_the_rest_brings_the_menu():
    """There is no such thing as a wrong word."""
    assert DESK.find("frob") is DESK.otherwise


def test_two_commands_cannot_have_one_word():
    """A table in which a word would be ambiguous is refused when it is made."""
    first, second = command("one", words="go, start")(nothing), command("two", words="begin, START")(nothing)
    with pytest.raises(ValueError, match="two and one"):
        CommandTable([first, second], otherwise=nothing)
