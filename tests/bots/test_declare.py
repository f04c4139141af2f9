"""The table of commands: every word leads to one command, in every language."""

from typing import Annotated

import pytest

from banyan.domain.people import Member
from banyan.i18n import LANGUAGES, translate
from bots.arguments import Roles
from bots.commands import TABLE
from bots.declare import CommandTable, command, reply
from bots.words import plain, word


async def nothing(_ctx):
    return reply()


def declared(name, words, run=nothing, **options):
    return command(name, words=words, help="Help", **options)(run)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("each", TABLE.commands, ids=lambda each: each.name)
def test_every_word_of_every_language_is_understood(each, language):
    """Whoever types a word of their own language is understood: in capitals, decomposed, without accents."""
    for called in translate(each.words, language).split(","):
        for typed in (f" {called.upper()} ?", plain(word(called)), "\u200b".join(called)):
            assert TABLE.find(typed, language) == (each, "") or TABLE.find(typed, language)[0] is each


def test_the_longest_word_wins_and_the_rest_follows():
    """`room invite` is not `room` with something after it."""
    short, long = declared("room", "room"), declared("room invite", "room invite")
    table = CommandTable([short, long])
    assert table.find("Room Invite  calm-oar now", "en") == (long, "calm-oar now")
    assert table.find("room inviting", "en") == (short, "inviting")
    assert table.find("frob", "en") is None


def test_two_commands_cannot_have_one_word():
    """A table in which a word would be ambiguous is refused when it is made."""
    with pytest.raises(ValueError, match="two: ' START'"):
        CommandTable([declared("one", "go, start"), declared("two", "begin, START")])


def test_an_argument_needs_a_question_and_a_kind():
    """A declaration that could never ask is refused at import."""

    async def who(_ctx, who: Member, role: Annotated[str, Roles()] | None = None):
        return reply()

    async def strange(_ctx, what: object):
        return reply()

    made = declared("who", "who", who, args={"who": "Who?", "role": "Which role?"})
    assert [(each.name, each.needed) for each in made.arguments] == [("who", True), ("role", False)]
    for run, args in ((who, {"who": "Who?"}), (who, {}), (strange, {"what": "What?"})):
        with pytest.raises(ValueError, match=r"question|read as"):
            declared("who", "who", run, args=args)


@pytest.mark.parametrize(
    ("typed", "language", "name", "rest"),
    [
        ("冻结amber-heron", "zh-Hans", "freeze", "amber-heron"),
        ("ระงับ@amber-heron", "th", "freeze", "@amber-heron"),
        ("拒绝4821", "zh-Hans", "refuse", "4821"),
        ("ปฏิเสธ๔๘๒๑", "th", "refuse", "๔๘๒๑"),
    ],
)
def test_scripts_without_spaces_need_none(typed, language, name, rest):
    """A name or a number may follow the word at once, as people write it there."""
    called, following = TABLE.find(typed, language)
    assert (called.name, following) == (name, rest)
