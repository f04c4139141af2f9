"""Gatherings: what is announced to members, and what they answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Rsvp(StrEnum):
    """Whether somebody will come."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


EXPECTED = frozenset({Rsvp.YES, Rsvp.MAYBE})
"""Whoever said so is reminded, and told when the gathering is cancelled."""

REACTIONS = {"👍": Rsvp.YES, "👎": Rsvp.NO, "🤔": Rsvp.MAYBE}
"""How a tap on the announcement answers."""

_VARIANTS = dict.fromkeys([0xFE0F, *range(0x1F3FB, 0x1F400)])
"""What keyboards add to a sign: how it is drawn, and a colour of skin."""


@dataclass(frozen=True)
class Gathering:
    """Something members are asked to come to. Immutable but for its last two fields."""

    id: str
    """Opaque, random."""
    title: str
    """What somebody wrote: one line, cleaned. In no log, effect or metric."""
    starts: datetime
    areas: tuple[str, ...]
    """Keys of the areas whose members are asked."""
    author: str
    """Id of the member who announced it."""
    remind: datetime | None = None
    """When those who come are reminded; None: never."""
    reminded: bool = False
    cancelled: bool = False

    @property
    def subject(self) -> str:
        """What its effects and posts belong to."""
        return f"gathering:{self.id}"

    def open(self, now: datetime) -> bool:
        """Whether it still lies ahead."""
        return not self.cancelled and now < self.starts


def gathering_of(subject: str) -> str | None:
    """Id of the gathering that a subject names; None when it names something else."""
    kind, _, gathering_id = subject.partition(":")
    return gathering_id if kind == "gathering" else None


def answer_of(reaction: str) -> Rsvp | None:
    """What a reaction answers, in any colour; None for one that answers nothing."""
    return REACTIONS.get(reaction.translate(_VARIANTS))
