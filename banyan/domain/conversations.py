"""A conversation about what somebody asked for, as far as it has come. It outlives a restart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

CONFIRM = "?"
"""What is asked when all is known: yes or no. No argument has that name."""


@dataclass(frozen=True)
class Conversation:
    """One person in one room has been asked something and has not answered yet."""

    room_id: str
    member_id: str
    command: str
    given: Mapping[str, str]
    """What is known so far: argument → token, a text from which the value is found again."""
    asked: str
    """The argument asked for, or `CONFIRM`."""
    choices: tuple[str, ...]
    """Tokens in the order in which they were numbered, from 1; empty when anything may be answered."""
    until: datetime
    """Afterwards the question counts as forgotten."""
