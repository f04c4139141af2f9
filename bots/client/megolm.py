"""Room keys (Megolm): those given to us, and our own of each room.

A key given to us belongs to the device whose Olm session brought it, for ever: a message only counts as its
sender's if that is the same person. Our own ratchet is saved before the message leaves, so that no crash
makes it encrypt two messages with one index.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nio.crypto import InboundGroupSession, OutboundGroupSession

from bots.client.canonical import Json, canonical_json
from bots.client.errors import Undecryptable
from bots.client.olm import MEGOLM, Payload
from bots.client.store import Store
from bots.client.trust import Device
from bots.client.wrapping import Wrapping

READ_AGAIN_MS = 5 * 24 * 3600 * 1000
"""How long a message may be read again. Shorter than it is remembered as answered, see
`banyan.services.retention`: or the server could show it again and have it done a second time."""

MOST_UNUSED = 200
"""Keys of one person for one room that have opened nothing yet. An app sends one for a hundred messages, or
when somebody leaves; who sends them without end would fill our disk."""

DeviceKey = tuple[str, str, str]
"""user id, device id, curve25519 key"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A decrypted room event and the keys of the device that wrote it."""

    type: str
    content: Json
    curve25519: str
    ed25519: str


@dataclass(frozen=True, slots=True)
class OwnKey:
    """Our key of one room: how old, how often used, who has it."""

    created_ms: int
    messages: int
    shared_with: frozenset[DeviceKey]


class RoomKeys:
    """Lives in the tables `room_key`, `room_key_index`, `own_key` and `own_key_device`."""

    def __init__(
        self,
        store: Store,
        wrapping: Wrapping,
        device_id: str,
        curve25519: str,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._wrapping = wrapping
        self._device_id = device_id
        self._curve25519 = curve25519
        self._clock = clock

    def accept(self, payload: Payload) -> tuple[str, str]:
        """Keep a key from an m.room_key message. Returns room id and session id. Raises Undecryptable.

        A second copy of a session is kept only when it comes from the same device and reaches further back,
        and never once something of it was forgotten: the server could show again what it opens.
        """
        try:
            content = payload.content
            if content["algorithm"] != MEGOLM:
                raise Undecryptable("a room key is of another algorithm")
            room_id, session_id = content["room_id"], content["session_id"]
            key = InboundGroupSession(content["session_key"], payload.ed25519, payload.curve25519, room_id)
            if key.id != session_id or not isinstance(room_id, str):
                raise Undecryptable("a room key is not the one it claims to be")
        except (ValueError, KeyError, TypeError) as error:
            raise Undecryptable("a room key cannot be read") from error
        sql = "SELECT 1 FROM spent_key WHERE room_id IN (?, '') AND session_id = ?"
        if self._store.row(sql, room_id, session_id):
            raise Undecryptable("a room key is spent")
        owner = (payload.sender, payload.curve25519, payload.ed25519)
        known = self._store.row(
            "SELECT sender, curve25519, ed25519, turned, first_index FROM room_key "
            "WHERE room_id = ? AND session_id = ?",
            room_id,
            session_id,
        )
        if known is None and self._unused(room_id, payload.sender) >= MOST_UNUSED:
            raise Undecryptable("a room key is one too many")
        if known is None or (known[:4] == (*owner, 0) and key.first_known_index < known[4]):
            wrapping_id, pickle = self._wrapping.wrap(key)
            row = (room_id, session_id, *owner, key.first_known_index, wrapping_id, pickle)
            self._store.run(
                "REPLACE INTO room_key (room_id, session_id, sender, curve25519, ed25519, first_index, "
                "wrapping_id, pickle) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *row,
            )
        return room_id, session_id

    def decrypt(self, room_id: str, event: Mapping[str, Any]) -> Opened:
        """Open an m.room.encrypted room event. `sender_key`, which is on its way out, is not needed.

        Raises Undecryptable.
        """
        try:
            content = event["content"]
            session_id, ciphertext = content["session_id"], content["ciphertext"]
            row = self._store.row(
                "SELECT sender, curve25519, ed25519, wrapping_id, pickle FROM room_key "
                "WHERE room_id = ? AND session_id = ?",
                room_id,
                session_id,
            )
            if row is None:
                raise Undecryptable("no key for a message")
            sender, curve25519, ed25519, wrapping_id, pickle = row
            if sender != event["sender"]:
                raise Undecryptable("a message was encrypted with somebody else's key")
            key = self._wrapping.inbound(room_id, wrapping_id, pickle, ed25519=ed25519, curve25519=curve25519)
            plaintext, index = key.decrypt(ciphertext)
            opened = json.loads(plaintext)
            if opened["room_id"] != room_id:
                raise Undecryptable("a message was encrypted for another room")
            kind, inner = opened["type"], opened["content"]
            if not (isinstance(kind, str) and isinstance(inner, dict)):
                raise Undecryptable("a message is not well-formed")
            self._refuse_replay(room_id, session_id, index, event["event_id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Undecryptable("a message cannot be read") from error
        return Opened(kind, inner, curve25519, ed25519)

    def own(self, room_id: str) -> OwnKey | None:
        """Our present key of a room."""
        row = self._store.row("SELECT created_ms, messages FROM own_key WHERE room_id = ?", room_id)
        if row is None:
            return None
        has_it = self._store.rows(
            "SELECT user_id, device_id, curve25519 FROM own_key_device WHERE room_id = ?", room_id
        )
        return OwnKey(row[0], row[1], frozenset(has_it))

    def renew(self, room_id: str) -> OwnKey:
        """Make a new key, which nobody has yet."""
        now = int(self._clock() * 1000)
        with self._store.transaction():
            self.discard(room_id)
            wrapping_id, pickle = self._wrapping.wrap(OutboundGroupSession())
            self._store.run(
                "INSERT INTO own_key (room_id, pickle, created_ms, messages, wrapping_id) "
                "VALUES (?, ?, ?, 0, ?)",
                room_id,
                pickle,
                now,
                wrapping_id,
            )
        return OwnKey(now, 0, frozenset())

    def discard(self, room_id: str) -> None:
        """Use the present key no more."""
        with self._store.transaction():
            self._store.run("DELETE FROM own_key WHERE room_id = ?", room_id)
            self._store.run("DELETE FROM own_key_device WHERE room_id = ?", room_id)

    def discard_if_shared(self, room_id: str, user_id: str) -> None:
        """Somebody has left: what is said from now on is not for them, should they come back either."""
        sql = "SELECT 1 FROM own_key_device WHERE room_id = ? AND user_id = ?"
        if self._store.row(sql, room_id, user_id):
            self.discard(room_id)

    def wrap_own_anew(self, limit: int) -> int:
        """Wrap so many of our keys with the present wrapping key; how many there were.

        A key knows nothing of what was sent with it; what it was before does, and may still lie about.
        """
        rows = self._store.rows(
            "SELECT room_id FROM own_key WHERE wrapping_id < ? LIMIT ?", self._wrapping.present, limit
        )
        with self._store.transaction():
            for (room_id,) in rows:
                try:
                    wrapped = self._wrapping.wrap(self._own_session(room_id))
                except (ValueError, KeyError):  # it cannot be opened: the next message has a new one
                    self.discard(room_id)
                else:
                    sql = "UPDATE own_key SET wrapping_id = ?, pickle = ? WHERE room_id = ?"
                    self._store.run(sql, *wrapped, room_id)
        return len(rows)

    def to_share(self, room_id: str) -> Json:
        """Content of the m.room_key message that lets a device read us from the next message on."""
        key = self._own_session(room_id)
        return {"algorithm": MEGOLM, "room_id": room_id, "session_id": key.id, "session_key": key.session_key}

    def mark_shared(self, room_id: str, devices: Iterable[Device]) -> None:
        """Remember who has the present key."""
        rows = [(room_id, device.user_id, device.device_id, device.curve25519) for device in devices]
        self._store.run_many("REPLACE INTO own_key_device VALUES (?, ?, ?, ?)", rows)

    def unmark_shared(self, device: Device) -> None:
        """The device has lost our keys: it gets them again at the next send."""
        self._store.run(
            "DELETE FROM own_key_device WHERE user_id = ? AND device_id = ?", device.user_id, device.device_id
        )

    def encrypt(self, room_id: str, kind: str, content: Mapping[str, Any]) -> Json:
        """Encrypt one event with our key of the room; the ratchet is saved before this returns."""
        session = self._own_session(room_id)
        # nio refuses to encrypt before its own sharing, and counts rotation in memory: sharing.py does both.
        session.shared = True
        plaintext = canonical_json({"room_id": room_id, "type": kind, "content": content}).decode()
        sealed: Json = {
            "algorithm": MEGOLM,
            "ciphertext": session.encrypt(plaintext),
            "session_id": session.id,
            "sender_key": self._curve25519,
            "device_id": self._device_id,
        }
        wrapping_id, pickle = self._wrapping.wrap(session)
        with self._store.transaction(durable=True):
            self._store.run(
                "UPDATE own_key SET pickle = ?, wrapping_id = ?, messages = messages + 1 WHERE room_id = ?",
                pickle,
                wrapping_id,
                room_id,
            )
        return sealed

    def _own_session(self, room_id: str) -> OutboundGroupSession:
        row = self._store.row("SELECT wrapping_id, pickle FROM own_key WHERE room_id = ?", room_id)
        if row is None:
            raise KeyError("the room has no key yet")
        return self._wrapping.outbound(*row)

    def _unused(self, room_id: str, sender: str) -> int:
        """How many keys of somebody's have opened nothing in a room."""
        sql = (
            "SELECT count(*) FROM room_key k WHERE room_id = ? AND sender = ? AND NOT turned AND NOT EXISTS "
            "(SELECT 1 FROM room_key_index i WHERE i.room_id = k.room_id AND i.session_id = k.session_id)"
        )
        return int(self._store.rows(sql, room_id, sender)[0][0])

    def _refuse_replay(self, room_id: str, session_id: str, index: int, event_id: str) -> None:
        """One index, one event: else the server could play an old "yes" again under a new event.

        The same event again is no replay while it may not have been handled: we may have died over it.
        """
        now = int(self._clock() * 1000)
        row = (room_id, session_id, index, event_id, now)
        self._store.run("INSERT OR IGNORE INTO room_key_index VALUES (?, ?, ?, ?, ?)", *row)
        first = self._store.row(
            "SELECT event_id, read_ms FROM room_key_index "
            "WHERE room_id = ? AND session_id = ? AND message_index = ?",
            *row[:3],
        )
        if first is None or first[0] != event_id or now - first[1] > READ_AGAIN_MS:
            raise Undecryptable("a message is a replay")
