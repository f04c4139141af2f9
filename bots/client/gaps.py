"""What was said in a room while we were away for so long that the sync left it out."""

from collections.abc import Mapping
from typing import Any

import structlog

from banyan.matrix import Api, MatrixError, Unauthorized
from bots.client.rooms import Room

log = structlog.get_logger()

PAGE = 100
PAGES = 20
"""At most so much is fetched for one room: 2,000 events."""


async def timeline(api: Api, room: Room, part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Events of a room's section of a sync, oldest first, with the gap before them filled.

    A room whose past we never saw has no gap. Raises Unauthorized and HomeserverDown; a homeserver that
    refuses the past keeps us from nothing else.
    """
    section = part.get("timeline")
    if not isinstance(section, dict):
        return []
    events: list[Mapping[str, Any]] = [
        event for event in section.get("events", []) if isinstance(event, dict)
    ]
    token = section.get("prev_batch")
    if not (section.get("limited") and room.last_event and isinstance(token, str)):
        return events
    missed: list[Mapping[str, Any]] = []
    for _ in range(PAGES):
        params = {"dir": "b", "limit": str(PAGE), "from": token}
        try:
            answer = await api.request("GET", "/rooms/{}/messages", room.room_id, params=params)
        except Unauthorized:
            raise
        except MatrixError as error:
            log.warning("gap.not_filled", room_id=room.room_id, errcode=error.errcode)
            break
        for event in answer.get("chunk", []):
            if event.get("event_id") == room.last_event:
                return [*reversed(missed), *events]
            missed.append(event)
        token = answer.get("end")
        if not isinstance(token, str):
            break
    return [*reversed(missed), *events]
