"""A chat command is a value; the table is where all of them are looked up. Nothing registers itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from banyan.domain.people import Member
from banyan.i18n import LANGUAGES, translate
from bots.texts import Content, word


@dataclass(frozen=True)
class Context:
    """What a command may know of the one who asks."""

    member: Member


Run = Callable[[Context], Awaitable[Content]]


@dataclass(frozen=True)
class Command:
    """One thing a person can ask for in a chat."""

    name: str
    words: str
    """A marked text: the words that call it, with a comma between them; every catalog has its own."""
    run: Run


def command(name: str, *, words: str) -> Callable[[Run], Command]:
    """Declare a command: `@command("help", words=N_("help, menu"))`."""

    def declare(run: Run) -> Command:
        return Command(name, words, run)

    return declare


class CommandTable:
    """The commands of one account. Raises `ValueError` when two are called by one word."""

    def __init__(self, commands: Sequence[Command], *, otherwise: Run) -> None:
        """`otherwise` answers what no command understands."""
        self.commands = tuple(commands)
        self.otherwise = otherwise
        self._by_word: dict[str, Command] = {}
        for each in commands:
            for called in _words(each):
                if self._by_word.setdefault(called, each) is not each:
                    raise ValueError(f"{each.name} and {self._by_word[called].name} are called by one word")

    def find(self, body: str) -> Run:
        """Tell what to run for something typed, in any of our languages."""
        found = self._by_word.get(word(body))
        return found.run if found else self.otherwise


def _words(each: Command) -> set[str]:
    return {word(called) for tag in LANGUAGES for called in translate(each.words, tag).split(",")}
