"""A chat command is a value; the table is where all of them are looked up. Nothing registers itself.

The signature of the function is the grammar: each parameter is an argument, its annotation says of which kind
(`bots.arguments`), a default makes it one that may be left out.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from banyan.domain.permissions import Permission
from banyan.i18n import LANGUAGES, SOURCE, Text, translate
from bots.arguments import Kind, kind_of
from bots.context import Context
from bots.words import plain, spaced, word

LONGEST_VERB = 6
"""Words of the longest way to call a command."""


class Where(Enum):
    """Where a command is understood."""

    CHAT = "chat"
    """The member's own chat with the desk."""
    STAFF = "staff"
    """A staff room, with the steward."""


@dataclass(frozen=True)
class Reply:
    """What a command has to say, in whatever language the reader has."""

    said: tuple[Text, ...]
    then: str | None = None
    """Name of a command that begins at once, e.g. the next step of a course."""
    brief: bool = False
    """Removed from a chat after ten minutes instead of a day."""


def reply(*said: Text, then: str | None = None, brief: bool = False) -> Reply:
    """Say this."""
    return Reply(said, then, brief)


Run = Callable[..., Awaitable[Reply]]


@dataclass(frozen=True)
class Argument:
    """One thing a command has to know."""

    name: str
    kind: Kind
    question: str
    """A marked text: how it is asked for."""
    needed: bool = True
    """Otherwise it may be left out, with `0`."""


@dataclass(frozen=True)
class Command:
    """One thing a person can ask for in a chat."""

    name: str
    words: str
    """A marked text: the words that call it, with a comma between them; every catalog has its own."""
    help: str
    """A marked text: one line for the menu."""
    run: Run
    arguments: tuple[Argument, ...] = ()
    needs: Permission | None = None
    where: frozenset[Where] = frozenset(Where)
    intro: tuple[str, ...] = ()
    """Marked texts, said once before the first question."""
    preview: Run | None = None
    """Says what would be done; it is done after a yes. Called with the same arguments as `run`."""
    private: bool = False
    """Answered in the asker's chat with the desk, wherever it was asked."""
    listed: bool = True
    """Shown in the menu."""
    exact: bool = False
    """Called by its words alone: with more behind them, or as a question, they mean something else."""
    patience: timedelta = field(default=timedelta(minutes=30))
    """How long a question of it waits for an answer."""

    def argument(self, name: str) -> Argument:
        """The argument of that name. Raise `KeyError`."""
        return next((each for each in self.arguments if each.name == name), None) or _missing(name)


def command(
    name: str,
    *,
    words: str,
    help: str,  # noqa: A002 - the word people type
    args: Mapping[str, str] | None = None,
    needs: Permission | None = None,
    where: frozenset[Where] | None = None,
    **options: Any,
) -> Callable[[Run], Command]:
    """Declare a command. `args` are the questions by argument, marked texts like `words` and `help`.

    What needs no permission is understood in the member's chat only. Raise `ValueError` for an argument
    without a question or a question without an argument.
    """

    def declare(run: Run) -> Command:
        places = where or (frozenset(Where) if needs else frozenset({Where.CHAT}))
        arguments = tuple(_arguments(name, run, args or {}))
        return Command(name, words, help, run, arguments, needs, places, **options)

    return declare


def _arguments(name: str, run: Run, questions: Mapping[str, str]) -> Iterator[Argument]:
    parameters = list(inspect.signature(run).parameters.values())[1:]
    if [each.name for each in parameters] != list(questions):
        raise ValueError(f"{name}: each argument needs a question, in the same order")
    for each in parameters:
        yield Argument(each.name, kind_of(each.annotation), questions[each.name], each.default is each.empty)


class CommandTable:
    """Every command. Raises `ValueError` when one word of one language calls two."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self._by_name = {each.name: each for each in commands}
        self._by_word = {language: self._words(language) for language in LANGUAGES}

    def __getitem__(self, name: str) -> Command:
        return self._by_name[name]

    def get(self, name: str) -> Command | None:
        """The command of that name."""
        return self._by_name.get(name)

    def find(self, typed: str, language: str) -> tuple[Command, str] | None:
        """Tell which command something typed begins with, and what follows it.

        Words of the asker's language win over English, and English over the others; the longest wins.
        """
        return self._find(typed, language) or self._find(spaced(typed), language)

    def _find(self, typed: str, language: str) -> tuple[Command, str] | None:
        parts = typed.split()
        for count in range(min(LONGEST_VERB, len(parts)), 0, -1):
            called = word(" ".join(parts[:count]))
            for tag in dict.fromkeys((language, SOURCE, *LANGUAGES)):
                known = self._by_word.get(tag, {})
                if found := known.get(called) or known.get(plain(called)):
                    return found, typed.split(maxsplit=count)[count] if len(parts) > count else ""
        return None

    def _words(self, language: str) -> dict[str, Command]:
        found: dict[str, Command] = {}
        for each in self.commands:
            for called in translate(each.words, language).split(","):
                bare = word(called)
                if not bare or found.setdefault(bare, each) is not each:
                    raise ValueError(
                        f"{each.name}: {called!r} is empty or calls something else too ({language})"
                    )
        for bare, each in list(found.items()):
            found.setdefault(plain(bare), each)
        return found


def allowed(each: Command, ctx: Context, where: Where) -> bool:
    """Whether that command is there for this person in this place."""
    return where in each.where and ctx.holds(each.needs)


def _missing(name: str) -> Argument:
    raise KeyError(name)
