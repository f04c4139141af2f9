"""Forgetting room keys: whoever seizes the machine reads what was said since yesterday, not for months.

A Megolm key turns forward only. What was read a day ago and before lies behind the place to which we turn
the key, and nobody can turn it back; the conversation goes on with the same key. A key that brought nothing
for as long as its sender would use it, and a day more, is deleted and never taken again.

Nothing is forgotten that may still have to be handled: time counts up to the last sync that was handled, and
a key is idle only while we listen, whatever the clock says.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog
from nio.crypto import InboundGroupSession

from bots.client.megolm import RoomKeys
from bots.client.rooms import Rooms
from bots.client.slices import SLICE
from bots.client.store import Store
from bots.client.wrapping import EVERY_MS, Wrapping

log = structlog.get_logger()

GRACE_MS = 24 * 3600 * 1000
"""A message may be overtaken by the next one, or be sent again by its app, for so long."""
STRANGERS_MS = 7 * 24 * 3600 * 1000
"""How long an Olm session is kept with a device of nobody whom we share a room with."""
AGAIN_MS = 600 * 1000
"""When to try again what failed."""
LAST_INDEX = 2**32 - 1


class _Key(NamedTuple):
    room_id: str
    session_id: str
    idle: int
    wrapping_id: int
    pickle: bytes | str
    handled: int | None
    """The highest index that was read a day ago or before."""
    fresh: bool
    """Whether anything was read since."""
    turned: bool
    """Whether something that was read lies behind it."""


class Forgetting:
    """One pass every few hours, in short pieces. Killed anywhere, the next one goes on from there."""

    def __init__(
        self, store: Store, wrapping: Wrapping, keys: RoomKeys, rooms: Rooms, *, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._wrapping = wrapping
        self._keys = keys
        self._rooms = rooms
        self._clock = clock
        self._heard_ms = 0
        self._failed_ms: int | None = None
        self._due = asyncio.Event()

    def heard(self) -> None:
        """All that was said until now has been read and handled."""
        self._heard_ms = int(self._clock() * 1000)
        waiting = self._failed_ms is not None and abs(self._heard_ms - self._failed_ms) < AGAIN_MS
        if self._wrapping.due and not waiting:
            self._due.set()

    async def run(self) -> None:
        """Make each pass when it is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self.once()
                self._failed_ms = None
            except Exception as error:  # noqa: BLE001  it is tried again; a full disk must not silence the bot
                self._failed_ms = self._heard_ms
                log.warning("keys.not_forgotten", why=type(error).__name__)

    async def once(self) -> None:
        """Forget what is over, wrap the rest anew, destroy what it was wrapped with."""
        if not self._wrapping.halfway:
            self._wrapping.begin()
        handled_ms = self._heard_ms - GRACE_MS
        place = ("", "")
        while keys := self._old_keys(place, handled_ms):
            with self._store.transaction():
                for key in keys:
                    self._age(key)
            place = (keys[-1].room_id, keys[-1].session_id)
            await asyncio.sleep(0)
        while True:
            if not self._keys.wrap_own_anew(SLICE):
                break
            await asyncio.sleep(0)
        self._forget_strangers()
        self._wrapping.destroy_old()

    def _old_keys(self, after: tuple[str, str], handled_ms: int) -> list[_Key]:
        """Return the next of the keys that this pass has not yet had."""
        rows = self._store.rows(
            "SELECT room_id, session_id, idle, wrapping_id, pickle, "
            "(SELECT max(message_index) FROM room_key_index i WHERE i.room_id = k.room_id "
            "AND i.session_id = k.session_id AND read_ms <= ?1), "
            "EXISTS (SELECT 1 FROM room_key_index i WHERE i.room_id = k.room_id "
            "AND i.session_id = k.session_id AND read_ms > ?1), turned "
            "FROM room_key k WHERE (room_id, session_id) > (?2, ?3) AND wrapping_id < ?4 "
            "ORDER BY room_id, session_id LIMIT ?5",
            handled_ms,
            *after,
            self._wrapping.present,
            SLICE,
        )
        return [_Key(*row) for row in rows]

    def _age(self, key: _Key) -> None:
        brought_something = key.fresh or key.handled is not None
        idle = 0 if brought_something else key.idle + 1
        try:
            if idle >= self._passes(key.room_id) or key.handled == LAST_INDEX:
                self._spend(key)
            else:
                self._keep(key, idle)
        except (ValueError, KeyError):  # it cannot be opened, so it opens nothing
            self._spend(key)

    def _keep(self, key: _Key, idle: int) -> None:
        """Turn the key past what was handled, and wrap it anew. Raises ValueError and KeyError."""
        opened = self._wrapping.inbound(key.room_id, key.wrapping_id, key.pickle)
        if key.handled is not None:
            exported = opened.export_session(max(key.handled + 1, opened.first_known_index))
            opened = InboundGroupSession.import_session(exported, "", "", key.room_id)
            self._store.run(
                "DELETE FROM room_key_index WHERE room_id = ? AND session_id = ? AND message_index <= ?",
                key.room_id,
                key.session_id,
                key.handled,
            )
        self._store.run(
            "UPDATE room_key SET first_index = ?, idle = ?, turned = turned OR ?, wrapping_id = ?, "
            "pickle = ? WHERE room_id = ? AND session_id = ?",
            opened.first_known_index,
            idle,
            key.handled is not None,
            *self._wrapping.wrap(opened),
            key.room_id,
            key.session_id,
        )

    def _spend(self, key: _Key) -> None:
        """Delete a key, and take no copy of it ever again: its messages could be shown as new ones.

        One that never opened anything leaves no name: anybody in the room can send us such keys without end.
        """
        name = (key.room_id, key.session_id)
        if key.fresh or key.handled is not None or key.turned:
            self._store.run("INSERT OR IGNORE INTO spent_key VALUES (?, ?)", *name)
        self._store.run("DELETE FROM room_key WHERE room_id = ? AND session_id = ?", *name)
        self._store.run("DELETE FROM room_key_index WHERE room_id = ? AND session_id = ?", *name)

    def _passes(self, room_id: str) -> int:
        """After how many passes that found nothing a key of this room is out of use."""
        room = self._rooms.get(room_id)
        return 0 if room is None else -(-(room.rotation_ms + GRACE_MS) // EVERY_MS)

    def _forget_strangers(self) -> None:
        """Forget one-to-one sessions with devices of nobody we share a room with: anyone can begin one."""
        self._store.run(
            "DELETE FROM olm_session WHERE max(created_ms, received_ms) < ? "
            "AND curve25519 NOT IN (SELECT curve25519 FROM device)",
            self._heard_ms - STRANGERS_MS,
        )
