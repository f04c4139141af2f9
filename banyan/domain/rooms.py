"""The vocabulary of rooms: what kinds there are and how a room is named before it has an id."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

LOCATOR = "social.banyan.locator"
"""State event type by which we find a room again: `{"id": HMAC of what it is}`, opaque to the server."""

RoomKey = NewType("RoomKey", str)
"""`kind:place`, e.g. `space:KH`, `talk:MM-1`, `theme:climate`, `staff:security`. Stable over renames."""


class RoomKind(StrEnum):
    """Rows of DESIGN's table of rooms."""

    SPACE = "space"
    TALK = "talk"
    """Conversation of a country or cell."""
    THEME = "theme"
    """Conversation across countries about one theme."""
    GUIDE = "guide"
    ALERT = "alert"
    STAFF = "staff"
    JOINT = "joint"
    """Conversation with people on partner servers."""


def room_key(kind: RoomKind, place: str) -> RoomKey:
    """`RoomKey` of a declared room."""
    return RoomKey(f"{kind}:{place}")


@dataclass(frozen=True)
class Room:
    """A declared room that exists on the homeserver."""

    key: RoomKey
    room_id: str
    kind: RoomKind
    area: str
    """Country or cell the room belongs to; `regional` for those that span all."""
    language: str
    """BCP 47 tag in which bots speak there first."""
    frozen: bool = False
    """Silenced, because its state could not be kept as it ought to be."""
