"""What follows from one answer to /sync, in the only order that is right.

Rooms first, then devices, then keys, then what was said: a key counts by who is in the room, a message by its
key and by whose device that is.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError
from bots.client import gaps
from bots.client.devices import Devices
from bots.client.events import Message
from bots.client.handlers import Handlers
from bots.client.inbox import Inbox
from bots.client.megolm import RoomKeys
from bots.client.olm import Olm
from bots.client.rooms import Changes, Rooms
from bots.client.store import Store

log = structlog.get_logger()

KEY_TYPE = "signed_curve25519"


class Intake:
    """Takes an answer in and tells the handlers. What it does twice with the same answer does no harm."""

    def __init__(
        self,
        *,
        store: Store,
        api: Api,
        olm: Olm,
        keys: RoomKeys,
        rooms: Rooms,
        devices: Devices,
        inbox: Inbox,
        handlers: Handlers,
        changed: Callable[[Iterable[str]], None],
    ) -> None:
        """`changed` is told the rooms whose people, devices or encryption are not what they were."""
        self._store = store
        self._api = api
        self._olm = olm
        self._keys = keys
        self._rooms = rooms
        self._devices = devices
        self._inbox = inbox
        self._handlers = handlers
        self._changed = changed

    async def handle(self, answer: Mapping[str, Any]) -> None:
        """Take it all in. Raises what Api.request raises; then the same answer has to come again."""
        with self._store.transaction():
            changes = self._rooms.apply(answer)
            self._note_people(answer, changes)
        for event in _list(answer.get("to_device"), "events"):
            if isinstance(event, dict):
                self._inbox.take(event)
        self._inbox.take_waiting()
        await self._replenish_keys(answer)
        self._changed(changes.rooms)
        timelines = await self._timelines(answer)
        await self._handlers.tell_memberships(changes.memberships)
        await self._handlers.tell_receipts(_receipts(answer))
        await self._tell_messages(timelines)
        last = {room_id: events[-1].get("event_id") for room_id, events in timelines.items() if events}
        self._rooms.handled({room_id: event for room_id, event in last.items() if isinstance(event, str)})

    def _note_people(self, answer: Mapping[str, Any], changes: Changes) -> None:
        for news in changes.memberships:
            if news.membership not in ("join", "invite"):
                self._keys.discard_if_shared(news.room_id, news.user_id)
        for room_id in changes.rooms:
            room = self._rooms[room_id]
            if room.encrypted:
                self._devices.track(room.joined)
        fresh = [user for user in _list(answer.get("device_lists"), "changed") if isinstance(user, str)]
        self._devices.mark_outdated(fresh)
        if fresh or changes.gone:
            self._changed(room.room_id for room in self._rooms.joined() if not room.joined.isdisjoint(fresh))
        left = {user for user in _list(answer.get("device_lists"), "left") if isinstance(user, str)}
        if left:
            self._devices.forget(left - self._rooms.encrypted_company())

    async def _replenish_keys(self, answer: Mapping[str, Any]) -> None:
        counts = answer.get("device_one_time_keys_count")
        if not isinstance(counts, dict):
            return
        unused = answer.get("device_unused_fallback_key_types")
        fallback_used = isinstance(unused, list) and KEY_TYPE not in unused
        body = self._olm.keys_to_upload(int(counts.get(KEY_TYPE, 0)), fallback_used=fallback_used)
        if not body:
            return
        try:
            await self._api.request("POST", "/keys/upload", body=body, repeatable=True)
        except (HomeserverDown, MatrixError) as error:
            log.warning(
                "keys.not_uploaded", why=type(error).__name__
            )  # the next sync brings the counts again
        else:
            self._olm.mark_uploaded()

    async def _timelines(self, answer: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
        joined = (answer.get("rooms") or {}).get("join") or {}
        return {
            room_id: await gaps.timeline(self._api, self._rooms[room_id], part)
            for room_id, part in joined.items()
            if isinstance(part, dict)
        }

    async def _tell_messages(self, timelines: Mapping[str, list[Mapping[str, Any]]]) -> None:
        others = [
            (room_id, event)
            for room_id, events in timelines.items()
            for event in events
            if event.get("sender") != self._olm.user_id
        ]
        # A device counts as it is now, not as it was when we last asked.
        encrypted = {event.get("sender") for _, event in others if event.get("type") == "m.room.encrypted"}
        await self._devices.refresh(user for user in encrypted if isinstance(user, str))
        read = (self._inbox.read(room_id, event) for room_id, event in others)
        messages: list[Message] = [message for message in read if message is not None]
        late = self._inbox.read_late()
        await self._handlers.tell_messages([*late, *messages])
        self._inbox.forget_unread(message.event_id for message in late)


def _list(section: Any, name: str) -> list[Any]:
    found = section.get(name) if isinstance(section, dict) else None
    return found if isinstance(found, list) else []


def _receipts(answer: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for room_id, part in ((answer.get("rooms") or {}).get("join") or {}).items():
        for event in _list(part.get("ephemeral"), "events"):
            with suppress(KeyError, TypeError, AttributeError):
                if event["type"] == "m.receipt":
                    for event_id, kinds in event["content"].items():
                        found += [(room_id, user_id, event_id) for user_id in kinds.get("m.read", {})]
    return found
