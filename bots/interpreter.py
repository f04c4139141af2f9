"""From what somebody typed to what is said: words, numbered questions, a yes, then the command itself.

Everything happens in the unit of work of one message. What was asked is in the database: after a restart the
conversation goes on where it was.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

from banyan.domain.conversations import CONFIRM, Conversation
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from bots.arguments import Pick
from bots.context import Context
from bots.declare import Argument, Command, CommandTable, Where, allowed
from bots.texts import lines
from bots.words import asks, means, number

CODE = re.compile("[1-9][0-9]{3}")
"""The digits of a proposal."""

QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|«([^»]+)»|(\S+)')

LEFT_OUT = ""
"""Token of an argument that somebody chose not to give."""

LONGEST = 4000
"""Characters that are looked at."""

MOST_PARTS = 16
"""Words of one line in which arguments are looked for; what follows belongs to the last."""

STOP = N_("stop, cancel, never mind")
"""Words that end a question: alternatives with a comma between them."""

STOPPED = N_("Stopped. Nothing was done.")
STOP_HINT = N_("Write “stop” to end this.")
LEAVE_OUT = N_("Leave this out")
SURE = N_("Is this right?")
YES, NO = "yes", "no"
YES_NO = Argument(CONFIRM, Pick({YES: N_("Yes"), NO: N_("No")}), SURE)
"""What is asked when all is known."""
MAY_NOT = N_("That is not for you to do. Write “help” to see what you can ask for.")
NOT_HERE = {
    Where.CHAT: N_("I do that in the staff rooms only."),
    Where.STAFF: N_("I cannot do that in this room. Write it to me in your own chat."),
}
NOT_UNDERSTOOD = N_("Sorry, I did not understand that.")
TOO_LONG = N_("That is too long for me to read. Please write it in fewer words.")


@dataclass(frozen=True)
class Said:
    """What is to be said, and where."""

    paragraphs: tuple[Text, ...]
    brief: bool = False
    private: bool = False
    """In the asker's own chat, though it was asked elsewhere."""
    done: bool = False
    """It says what a command has done: in a staff room all who are there shall be able to read it."""


class Interpreter:
    """Answers for one table of commands."""

    def __init__(self, table: CommandTable) -> None:
        self._table = table

    async def hear(self, ctx: Context, where: Where, typed: str) -> Said | None:
        """Answer something typed; None where it was not for us. Raise `Refusal` when nothing was done."""
        if len(typed) > LONGEST or len(normalize("NFKC", typed)) > LONGEST:  # one letter can stand for 18
            return Said((Text(TOO_LONG),)) if where is Where.CHAT else None
        asked = await ctx.tx.conversations.get(ctx.room_id, ctx.member.id)
        known = self._table.get(asked.command) if asked is not None and asked.until > ctx.now else None
        code = number(typed) or ""
        if where is Where.STAFF and CODE.fullmatch(code) and (known is None or await _waits(ctx, code)):
            return await self._begin(ctx, where, self._table["approve"], code)
        if asked is not None and known is not None:
            said = await self._answer(ctx, where, known, asked, typed)
            if said is not None:
                return said
        found = self._table.find(typed, ctx.member.language)
        if found is not None and not (found[0].exact and (found[1] or asks(typed))):
            return await self._call(ctx, where, *found)
        return await self._menu(ctx, where) if where is Where.CHAT else None

    async def begin(self, ctx: Context, where: Where, name: str) -> Said:
        """Begin a command nobody typed: what it asks first."""
        return await self._begin(ctx, where, self._table[name], "")

    async def _call(self, ctx: Context, where: Where, called: Command, rest: str) -> Said | None:
        if where is Where.STAFF and await self._is_talk(ctx, called, rest):
            return None
        if not ctx.holds(called.needs):
            return Said((Text(MAY_NOT),)) if where is Where.CHAT else None
        if where not in called.where:
            return Said((Text(NOT_HERE[where]),))
        return await self._begin(ctx, where, called, rest)

    async def _is_talk(self, ctx: Context, called: Command, rest: str) -> bool:
        """Whether it is a sentence among colleagues that only happens to begin with one of our words."""
        if not called.arguments:
            return bool(rest)
        first = called.arguments[0].kind
        reaching = replace(ctx, reach=ctx.reaches(called.needs))
        return first.told_apart and await _match(reaching, called.arguments, _parts(called, rest)) is None

    async def _menu(self, ctx: Context, where: Where) -> Said:
        reaching = replace(ctx, reach=ctx.reaches(None))
        return await self._advance(reaching, where, self._table["help"], {}, [Text(NOT_UNDERSTOOD)])

    async def _begin(self, ctx: Context, where: Where, called: Command, rest: str) -> Said:
        ctx = replace(ctx, reach=ctx.reaches(called.needs))
        given = await _match(ctx, called.arguments, _parts(called, rest))
        if given is None:
            return await self._advance(ctx, where, called, {}, [await _problem(ctx, called, rest)])
        intro = called.intro if where is Where.CHAT else ()  # it tells who the desk is
        return await self._advance(ctx, where, called, given, [Text(each) for each in intro])

    async def _answer(
        self, ctx: Context, where: Where, called: Command, asked: Conversation, typed: str
    ) -> Said | None:
        """Take an answer to what was asked. None when it is none: it may be something else."""
        ctx = replace(ctx, reach=ctx.reaches(called.needs))
        if means(typed, STOP):
            await ctx.tx.conversations.end(ctx.room_id, ctx.member.id)
            return Said((Text(STOPPED),))
        if not allowed(called, ctx, where):
            return None  # they may not any more
        argument = YES_NO if asked.asked == CONFIRM else called.argument(asked.asked)
        try:
            token = await _token(ctx, argument, asked, typed)
        except Refusal as refusal:
            meant = number(typed) is None and self._table.find(typed, ctx.member.language)
            colleagues = where is Where.STAFF and argument.kind.told_apart and number(typed) is None
            return None if meant or colleagues else Said((refusal.text, Text(STOP_HINT)))
        if (argument.name, token) == (CONFIRM, NO):
            await ctx.tx.conversations.end(ctx.room_id, ctx.member.id)
            return Said((Text(STOPPED),))
        return await self._advance(ctx, where, called, {**asked.given, argument.name: token}, [])

    async def _advance(
        self, ctx: Context, where: Where, called: Command, given: dict[str, str], before: Sequence[Text]
    ) -> Said:
        """Ask for what is missing; when nothing is, show what would be done, or do it."""
        for argument in called.arguments:
            if argument.name in given:
                continue
            choices = await argument.kind.choices(ctx)
            if argument.needed and argument.kind.obvious and len(choices) == 1:
                given[argument.name] = choices[0].token
                continue
            if not choices and not argument.kind.open:
                raise Refusal(argument.kind.nothing)
            return await self._ask(ctx, called, given, argument, before)
        values = await _values(ctx, called, given)
        if called.preview is not None and CONFIRM not in given:
            shown = await called.preview(ctx, **values)
            return await self._ask(ctx, called, given, YES_NO, (*before, *shown.said))
        return await self._run(ctx, where, called, values, before)

    async def _ask(
        self,
        ctx: Context,
        called: Command,
        given: Mapping[str, str],
        argument: Argument,
        before: Sequence[Text],
    ) -> Said:
        choices = await argument.kind.choices(ctx)
        tokens = tuple(choice.token for choice in choices)
        asked = Conversation(
            ctx.room_id, ctx.member.id, called.name, given, argument.name, tokens, ctx.now + called.patience
        )
        await ctx.tx.conversations.put(asked)
        numbered = [(at, choice.label) for at, choice in enumerate(choices, start=1)]
        if not argument.needed:
            numbered.append((0, Text(LEAVE_OUT)))
        options = [lines(Text("{number}. {label}", number=at, label=label) for at, label in numbered)]
        return Said((*before, Text(argument.question), *(options if numbered else ())))

    async def _run(
        self, ctx: Context, where: Where, called: Command, values: Mapping[str, Any], before: Sequence[Text]
    ) -> Said:
        await ctx.tx.conversations.end(ctx.room_id, ctx.member.id)
        reply = await called.run(ctx, **values)
        said = (*before, *reply.said)
        if reply.then is not None:
            if not allowed(self._table[reply.then], ctx, where):
                raise Refusal(MAY_NOT)  # chosen from a menu of a time when they might
            member = await ctx.tx.members.get(ctx.member.id)  # the command may have changed their language
            ctx = replace(ctx, member=member or ctx.member)
            following = await self._begin(ctx, where, self._table[reply.then], "")
            return replace(following, paragraphs=(*said, *following.paragraphs))
        return Said(said, reply.brief, private=called.private and where is Where.STAFF, done=True)


async def _waits(ctx: Context, code: str) -> bool:
    """Whether these digits stand in a request: then they are no answer to another question."""
    return any(code == each.code for each in await ctx.tx.proposals.waiting())


async def _token(ctx: Context, argument: Argument, asked: Conversation, typed: str) -> str:
    """The token of an answer: by its number as it was numbered then, or in words. Raise `Refusal`."""
    digits = number(typed)
    if digits is not None and asked.choices and 0 < int(digits) <= len(asked.choices):
        return asked.choices[int(digits) - 1]
    if digits is not None and int(digits) == 0 and not argument.needed:
        return LEFT_OUT
    return await argument.kind.read(ctx, typed)


async def _values(ctx: Context, called: Command, given: Mapping[str, str]) -> dict[str, Any]:
    """What the command is called with. Raise `Refusal` for what is gone."""
    known = [(each, given[each.name]) for each in called.arguments if each.name in given]
    return {
        each.name: await each.kind.value(ctx, token)
        for each, token in known
        if token != LEFT_OUT or each.needed
    }


async def _match(ctx: Context, arguments: Sequence[Argument], parts: Sequence[str]) -> dict[str, str] | None:
    """Find the arguments in the words of one line; None when no reading makes sense.

    A text takes as few words as it can, everything else as many: `Evening tea tomorrow 19:00 LA`.
    """
    if not parts:
        return {}
    if not arguments:
        return None
    first, *others = arguments
    lengths = range(1, len(parts) + 1) if first.kind.free and others else range(len(parts), 0, -1)
    for length in lengths:
        try:
            token = await first.kind.read(ctx, " ".join(parts[:length]))
        except Refusal:
            continue
        following = await _match(ctx, others, parts[length:])
        if following is not None:
            return {first.name: token, **following}
    if not first.needed:
        return await _match(ctx, others, parts)
    return None


async def _problem(ctx: Context, called: Command, rest: str) -> Text:
    """Say what was wrong with what followed a command."""
    if called.arguments:
        try:
            await called.arguments[0].kind.read(ctx, rest)
        except Refusal as refusal:
            return refusal.text
    return Text(NOT_UNDERSTOOD)


def _parts(called: Command, rest: str) -> list[str]:
    """What may be arguments: words of a line, what stands in quotation marks is one.

    A command that wants nothing but a text takes it as it stands, with its lines and marks.
    """
    if not called.arguments or not rest:
        return []
    if len(called.arguments) == 1 and called.arguments[0].kind.free:
        return [rest]
    found = [next(group for group in match if group) for match in QUOTED.findall(rest)]
    return [
        *found[: MOST_PARTS - 1],
        *([" ".join(found[MOST_PARTS - 1 :])] if found[MOST_PARTS - 1 :] else []),
    ]
