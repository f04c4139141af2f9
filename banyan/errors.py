"""Errors whose text is written for the person who reads it.

If it makes no sense to show a text to a person, the class does not belong here. Texts never carry names,
messages or addresses of people.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from banyan.i18n import SOURCE, Text, render


class BanyanError(Exception):
    """Something known went wrong. `str(error)` says what happened and what to do next."""

    code: ClassVar[str] = "failed"
    """A stable word for machines: kebab-case."""

    exit_status: ClassVar[int] = 1
    """What the command line returns: 1 found something wrong, 2 used wrongly."""


class UsedWrongly(BanyanError):
    """The person asked for something that cannot be asked for. Nothing was touched."""

    code = "used-wrongly"
    exit_status = 2


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a file that a person wrote."""

    line: int
    """1-based; 0 when the fault belongs to the file as a whole."""
    where: str
    """Path of keys, e.g. `countries.MM.languages`."""
    problem: str
    hint: str = ""


class BadFile(UsedWrongly):
    """A file is wrong: one message lists every fault with its line and a hint."""

    code = "bad-file"

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name = name
        self.faults = faults
        lines = [f"{name} has {len(faults)} fault{'s' if len(faults) != 1 else ''}; nothing was touched."]
        for fault in faults:
            place = f"line {fault.line}: " if fault.line else ""
            hint = f" ({fault.hint})" if fault.hint else ""
            lines.append(f"  {place}{fault.where}: {fault.problem}{hint}")
        super().__init__("\n".join(lines))


class Refusal(BanyanError):
    """What somebody asked for in a chat is not done, said in their language. Nothing was changed."""

    code = "refused"

    def __init__(self, template: str, /, **values: "str | int | datetime | Text") -> None:
        """`template` is a marked text, see `Text`."""
        self.text = Text(template, **values)
        super().__init__(render(self.text, SOURCE))


class NotRunning(BanyanError):
    """The command needs a running network."""

    code = "not-running"


class AlreadyRunning(BanyanError):
    """Another process holds this home."""

    code = "already-running"


class NotFound(BanyanError):
    """Nothing of that name or id exists."""

    code = "not-found"
    exit_status = 2


class HomeserverDown(BanyanError):
    """The homeserver did not answer in time."""

    code = "homeserver-down"


class Taken(BanyanError):
    """Something of that name or key exists already."""

    code = "taken"


class IllegalMove(BanyanError):
    """The state table does not allow this step."""

    code = "illegal-move"


class TokenSpent(BanyanError):
    """The invitation was used or has run out."""

    code = "token-spent"


class WeakPassphrase(BanyanError):
    """The passphrase is too short."""

    code = "weak-passphrase"
