"""When putting right becomes a fight: whoever owns the server can undo a repair as often as it is made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

TOO_OFTEN: Final = 3
"""How often the same thing is put right before it counts as a fight."""

MOST: Final = 10
"""How many things are put right in one room before that counts as a fight, whichever they are.

A room has ten things of its own at most: whatever upset each of them once, a homeserver brought back from a
copy too, is put right in silence. Only people can be more, and those are put in by somebody.
"""

WITHIN: Final = timedelta(hours=1)
"""How long a repair is counted."""

FOUGHT_OVER: Final = "room-fought-over"
OVERRUN: Final = "room-overrun"


@dataclass(frozen=True)
class Weighed:
    """What a look at a room comes to."""

    left: frozenset[str]
    """Things that are not put right any more."""
    reason: str | None
    """Why the room is to be frozen; None while it is no fight."""


def weigh(
    things: Collection[str], new: Collection[str], before: Mapping[str, int], own: Collection[str]
) -> Weighed:
    """Weigh the things that differ in a room against what was put right there of late.

    `new` are those that this look has not noted yet, `before` how often each was put right (`WITHIN`), `own`
    the types of state that rooms of ours have.
    """
    counts = {each: before.get(each, 0) + (each in new) for each in things}
    earlier = sum(before.values()) - sum(each not in new for each in things)
    # what is not a room's own, types of state and people, can be made up without end; the own keeps it shut
    spent = {each for each in things if earlier > MOST and each not in own}
    left = frozenset(spent | {each for each, count in counts.items() if count > TOO_OFTEN})
    doing = counts.keys() - left
    if any(counts[each] >= TOO_OFTEN for each in doing):
        return Weighed(left, FOUGHT_OVER)
    return Weighed(left, OVERRUN if earlier + len(doing) > MOST else None)
