"""Reading: keys that devices send us, and the messages they open.

A room key is taken only for a room we are in, from somebody who is in it too. While we are merely invited it
waits in memory: a room's creator sends it before we have accepted, and never again. Requests for keys are not
answered.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from bots.client.canonical import Json
from bots.client.devices import Devices
from bots.client.errors import Undecryptable
from bots.client.events import Message, Report, ReportKind
from bots.client.megolm import Opened, RoomKeys
from bots.client.olm import Olm, Payload
from bots.client.rooms import Rooms
from bots.client.store import Store
from bots.client.trust import Device, Trust

log = structlog.get_logger()

UNWEDGE_AGAIN_MS = 3600 * 1000
"""A new session for a device that cannot be read: at most one an hour (specification, Olm)."""
WAITING_KEYS = 1000
UNREAD_FOR_MS = 7 * 24 * 3600 * 1000


class Inbox:
    """Opens what others send. Lives in the table `unread`, for messages whose key may still come."""

    def __init__(
        self,
        store: Store,
        olm: Olm,
        keys: RoomKeys,
        rooms: Rooms,
        devices: Devices,
        *,
        report: Callable[[Report], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._olm = olm
        self._keys = keys
        self._rooms = rooms
        self._devices = devices
        self._report = report
        self._clock = clock
        self._born_ms = int(store.meta("created_ms") or 0)
        self._waiting: defaultdict[str, list[Payload]] = defaultdict(list)
        self.wedged: list[Device] = []
        """Devices that need a new session before we can understand each other."""
        self.restarted: list[Device] = []
        """Devices that began a new session because they could not read us: they may lack our keys."""
        self.cancellations: list[tuple[str, str, Json]] = []
        """User id, device id and content of m.key.verification.cancel messages to send."""

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one to-device event, whatever it is. Any user of the homeserver can send any."""
        kind, sender = event.get("type"), event.get("sender")
        if not isinstance(sender, str):
            return
        if kind == "m.room.encrypted":
            self._take_encrypted(event, sender)
        elif kind == "m.key.verification.request":
            self._decline(sender, event.get("content"))

    def take_waiting(self) -> None:
        """Take the keys that came before we accepted an invitation; drop those of invitations gone."""
        for room_id in list(self._waiting):
            room = self._rooms.get(room_id)
            if room is None or room.membership == "join":
                payloads = self._waiting.pop(room_id)
                for payload in payloads if room else ():
                    self._take_room_key(payload)

    def read(self, room_id: str, event: Mapping[str, Any]) -> Message | None:
        """Turn a timeline event into a message.

        None when it cannot be read (yet), is not well-formed, or was erased: then it says nothing any more.
        """
        if not _well_formed(event) or _erased(event):
            return None
        if event["type"] != "m.room.encrypted":
            return _message(room_id, event, None)
        try:
            opened = self._keys.decrypt(room_id, event)
        except Undecryptable:
            self._keep_unread(room_id, event)
            return None
        return self._decrypted(room_id, event, opened)

    def read_late(self) -> list[Message]:
        """Messages whose key has come since; the same again until `forget_unread` names them."""
        found = []
        for room_id, raw in self._store.rows(
            "SELECT room_id, event FROM unread JOIN room_key USING (room_id, session_id) ORDER BY since_ms"
        ):
            event = json.loads(raw)
            with suppress(Undecryptable):
                found.append(self._decrypted(room_id, event, self._keys.decrypt(room_id, event)))
        return found

    def forget_unread(self, event_ids: Iterable[str]) -> None:
        """These were read and handled; and none waits for ever."""
        with self._store.transaction():
            self._store.run_many(
                "DELETE FROM unread WHERE event_id = ?", [(event_id,) for event_id in event_ids]
            )
            self._store.run("DELETE FROM unread WHERE since_ms < ?", self._now_ms() - UNREAD_FOR_MS)

    def _take_encrypted(self, event: Mapping[str, Any], sender: str) -> None:
        with self._store.transaction():  # the ratchet moves together with what it opened
            try:
                payload = self._olm.decrypt(event)
            except Undecryptable:
                self._notice_wedged(sender, event)
                return
            if payload.type == "m.room_key":
                self._take_room_key(payload)
            elif payload.type == "m.dummy" and (device := self._devices.find(sender, payload.curve25519)):
                self.restarted.append(device)

    def _take_room_key(self, payload: Payload) -> None:
        room = self._rooms.get(str(payload.content.get("room_id")))
        if room is None:
            return
        if room.membership == "invite":
            if len(self._waiting[room.room_id]) < WAITING_KEYS:
                self._waiting[room.room_id].append(payload)
        elif room.members.get(payload.sender) == "join":
            with suppress(Undecryptable):
                self._keys.accept(payload)

    def _notice_wedged(self, sender: str, event: Mapping[str, Any]) -> None:
        content = event.get("content")
        curve25519 = content.get("sender_key") if isinstance(content, dict) else None
        device = self._devices.find(sender, curve25519) if isinstance(curve25519, str) else None
        log.info("to_device.unreadable", known_device=device is not None)
        if (
            device is None
            or self._now_ms() - self._olm.newest_created_ms(device.curve25519) < UNWEDGE_AGAIN_MS
        ):
            return
        if device not in self.wedged:
            self.wedged.append(device)

    def _decline(self, sender: str, content: Any) -> None:
        if not isinstance(content, dict):
            return
        transaction, device_id = content.get("transaction_id"), content.get("from_device")
        if isinstance(transaction, str) and isinstance(device_id, str):
            self.cancellations.append((sender, device_id, cancellation() | {"transaction_id": transaction}))

    def _keep_unread(self, room_id: str, event: Mapping[str, Any]) -> None:
        if event["origin_server_ts"] < self._born_ms:
            return  # written before this device existed: nobody could have given it the key
        session_id = str(event["content"].get("session_id"))
        row = (event["event_id"], room_id, session_id, json.dumps(event), self._now_ms())
        self._store.run("INSERT OR IGNORE INTO unread VALUES (?, ?, ?, ?, ?)", *row)
        self._report(Report(ReportKind.UNDECRYPTABLE, room_id, event["sender"], event_id=event["event_id"]))

    def _decrypted(self, room_id: str, event: Mapping[str, Any], opened: Opened) -> Message:
        return _message(room_id, event, opened, self._devices)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def cancellation() -> Json:
    """Say politely that a bot cannot compare emoji: without an answer Element would wait for ever."""
    return {"code": "m.user", "reason": "This account cannot be verified by hand."}


def _message(
    room_id: str, event: Mapping[str, Any], opened: Opened | None, devices: Devices | None = None
) -> Message:
    sender = event["sender"]
    kind, content = (event["type"], event["content"]) if opened is None else (opened.type, opened.content)
    device, known_since, in_clear = None, None, False
    if opened is not None and devices is not None:
        device = devices.find(sender, opened.curve25519)
        if device is not None and device.ed25519 != opened.ed25519:
            device = None
        known_since = devices.known_since(sender) if device and device.owner_signed else None
        relation = event["content"].get("m.relates_to")
        if relation is not None and "m.relates_to" not in content:
            content, in_clear = content | {"m.relates_to": relation}, True
    elif kind == "m.room.redaction" and isinstance(event.get("redacts"), str):
        content = {"redacts": event["redacts"]} | content  # before room version 11 it stands outside
    return Message(
        room_id=room_id,
        event_id=event["event_id"],
        sender=sender,
        device_id=device.device_id if device else None,
        type=kind,
        content=content,
        encrypted=opened is not None,
        trust=devices.trust(device) if devices and device else Trust.UNKNOWN,
        known_since=known_since,
        sent_at=event["origin_server_ts"],
        relation_in_clear=in_clear,
    )


def _erased(event: Mapping[str, Any]) -> bool:
    return not event["content"] and event["type"] != "m.room.redaction"


def _well_formed(event: Mapping[str, Any]) -> bool:
    content = event.get("content")
    texts = [event.get("type"), event.get("sender"), event.get("event_id")]
    if isinstance(content, dict) and event.get("type") == "m.room.encrypted":
        texts.append(content.get("session_id"))  # any member can put anything there: we look it up
    return (
        all(map(_storable, texts))
        and isinstance(content, dict)
        and isinstance(event.get("origin_server_ts"), int)
        and "state_key" not in event
    )


def _storable(text: Any) -> bool:
    """Whether a database can look for it: half a character is none."""
    return isinstance(text, str) and not any("\ud800" <= char <= "\udfff" for char in text)
