"""The Matrix client of a bot: encrypted, patient, and warm when it matters."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import time
from typing import Any, Self

from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError, Unauthorized
from bots.client.actions import Actions
from bots.client.credentials import Credentials
from bots.client.devices import Devices
from bots.client.errors import NotEncrypted, Undecryptable, WrongStore
from bots.client.events import KeyPolicy, Message, Report, Roster
from bots.client.forgetting import Forgetting
from bots.client.handlers import Handlers, OnMembership, OnMessage, OnReceipt, OnReport
from bots.client.inbox import Inbox, cancellation
from bots.client.intake import Intake
from bots.client.megolm import RoomKeys
from bots.client.olm import Olm, publish_keys
from bots.client.provision import Relogin
from bots.client.rooms import Room, Rooms
from bots.client.sharing import Sharing
from bots.client.store import Store
from bots.client.sync import Sync
from bots.client.upkeep import Upkeep
from bots.client.wrapping import Wrapping

IN_CLEAR = frozenset({"m.reaction"})
"""Types that are never encrypted: the homeserver counts them, and may know and forge them."""


FAILURES_BEFORE_UNWELL = 3


class Client(Actions):
    """One account on one device. Make it with `open`, let `run` go on in a task, end with `close`.

    Sending works from the first moment; receiving while `run` goes on. Requests raise MatrixError,
    Unauthorized or HomeserverDown. `rooms` maps room ids to the rooms we are in or invited to.
    """

    def __init__(
        self,
        store: Store,
        api: Api,
        credentials: Credentials,
        pickle_key: str,
        roster: Roster,
        *,
        keep_warm: bool,
        handler_patience: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Put the parts together; `open` is the way in."""
        super().__init__(api, credentials.user_id)
        self.device_id = credentials.device_id
        self.handlers = Handlers(patience=handler_patience)
        self._store, self._roster = store, roster
        self._reports: asyncio.Queue[Report] = asyncio.Queue()
        report = self._reports.put_nowait
        self._olm = olm = Olm(store, self.user_id, self.device_id, pickle_key, clock=clock)
        wrapping = Wrapping(store, pickle_key, clock=clock)
        keys = RoomKeys(store, wrapping, self.device_id, olm.curve25519, clock=clock)
        self.rooms = Rooms(store, self.user_id)
        self.devices = Devices(store, api, report=report, drop_sessions=olm.drop_sessions, clock=clock)
        self._sharing = Sharing(api, olm, keys, self.devices, roster, report=report, clock=clock, sleep=sleep)
        inbox = Inbox(store, olm, keys, self.rooms, self.devices, report=report, clock=clock)
        self._upkeep = Upkeep(
            api=api,
            olm=olm,
            keys=keys,
            devices=self.devices,
            sharing=self._sharing,
            inbox=inbox,
            rooms=self.rooms,
            keep_warm=keep_warm,
            sleep=sleep,
        )
        self._intake = Intake(
            store=store,
            api=api,
            olm=olm,
            keys=keys,
            rooms=self.rooms,
            devices=self.devices,
            inbox=inbox,
            handlers=self.handlers,
            changed=self._upkeep.wake,
        )
        self._keys = keys
        self._forgetting = Forgetting(store, wrapping, keys, self.rooms, clock=clock)
        self._sync = Sync(api, store, self._handle, sleep=sleep)
        self._first_sync = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.on_message(self._decline_verification)

    @classmethod
    async def open(
        cls,
        *,
        homeserver_url: str,
        credentials: Credentials,
        store: Path,
        pickle_key: str,
        roster: Roster,
        relogin: Relogin | None = None,
        keep_warm: bool = True,
        handler_patience: float = 60.0,
        patience: float = 45.0,
        clock: Callable[[], float] = time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Self:
        """Open the store of a provisioned device. Nothing is sent yet.

        With `keep_warm` every room's key is shared in the background whenever something changes; without it,
        at the first send: right for an account with thousands of chats. `patience`: seconds a request is
        tried again; `handler_patience`: seconds a handler may take. Raises StoreInUse and WrongStore.
        """
        opened = Store(store)
        api = Api(homeserver_url, credentials.access_token, patience=patience)
        try:
            client = cls(
                opened,
                api,
                credentials,
                pickle_key,
                roster,
                keep_warm=keep_warm,
                handler_patience=handler_patience,
                clock=clock,
                sleep=sleep,
            )
        except BaseException:
            opened.close()
            raise
        if relogin is not None:
            api.relogin = partial(client._log_in_again, relogin)
        return client

    async def run(self) -> None:
        """Receive until cancelled or closed. Raises Unauthorized when the account cannot log in any more."""
        self._running = asyncio.current_task()
        self._upkeep.wake(self.rooms)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sync.run())
                group.create_task(self._upkeep.run())
                group.create_task(self._forgetting.run())
                group.create_task(self._tell_reports())
        except* Unauthorized as refused:
            raise refused.exceptions[0] from None
        finally:
            self._running = None

    async def close(self) -> None:
        """Stop, and let go of the store."""
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._running])
        await self._api.close()
        self._store.close()

    @property
    def well(self) -> bool:
        """Whether news arrives: the first sync is handled, and the last ones did not all fail."""
        return self._first_sync.is_set() and self._sync.failures < FAILURES_BEFORE_UNWELL

    async def ready(self, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until the first sync is handled and all rooms are warm. Raises TimeoutError (seconds)."""
        async with asyncio.timeout(timeout):
            await self._first_sync.wait()
            await self._upkeep.done.wait()

    async def warm(self, room_ids: Iterable[str] | None = None) -> None:
        """Make sends to these rooms, or all encrypted ones, a single request each."""
        if room_ids is None:
            room_ids = [room.room_id for room in self.rooms.joined() if room.encrypted]
        for room_id in room_ids:
            await self._room(room_id)
        await self._upkeep.warm(room_ids)

    def on_message(self, handler: OnMessage) -> None:
        """Call `handler(message)` for whatever others say. At least once: after a crash, perhaps twice."""
        self.handlers.message.append(handler)

    def on_receipt(self, handler: OnReceipt) -> None:
        """Call `handler(room_id, user_id, event_id)` when somebody has read up to an event."""
        self.handlers.receipt.append(handler)

    def on_membership(self, handler: OnMembership) -> None:
        """Call `handler(membership)` when somebody, or we, are invited, come or go."""
        self.handlers.membership.append(handler)

    def on_report(self, handler: OnReport) -> None:
        """Call `handler(report)` for what staff should know about the encryption."""
        self.handlers.report.append(handler)

    async def send(
        self,
        room_id: str,
        content: Mapping[str, Any],
        *,
        txn_id: str,
        type: str = "m.room.message",  # noqa: A002  Matrix's word
        beside: Mapping[str, Any] | None = None,
    ) -> str:
        """Send an event and return its id: encrypted, unless the roster wants the room in clear.

        The same `txn_id` again returns the first event (same device, 24 hours). `beside` stays readable to
        the homeserver, in clear beside the ciphertext. Raises NotEncrypted when it would have to leave in
        clear, KeysNotDelivered when not every device could be given the key; nothing was sent then.
        """
        room = await self._room(room_id)
        if type in IN_CLEAR or (self._roster.policy(room_id) is KeyPolicy.PLAIN and not room.encrypted):
            body = {**(beside or {}), **content}
        else:
            sealed = await self._sharing.encrypt(room, type, dict(content))
            relation = {name: content[name] for name in ("m.relates_to",) if name in content}
            body, type = {**(beside or {}), **relation, **sealed}, "m.room.encrypted"  # noqa: A001
        answer = await self._api.request("PUT", "/rooms/{}/send/{}/{}", room_id, type, txn_id, body=body)
        self._upkeep.wake([room_id])  # the key may be worn out now: better renewed in the background
        return str(answer["event_id"])

    def can_read(self, room_id: str, event: Mapping[str, Any]) -> bool:
        """Whether we hold the key of this encrypted event, whoever handed it to us."""
        try:
            self._keys.decrypt(room_id, event)
        except Undecryptable:
            return False
        return True

    async def leave(self, room_id: str) -> None:
        """Leave a room, or refuse an invitation, and erase what we keep of it."""
        await self._api.request("POST", "/rooms/{}/leave", room_id, repeatable=True)
        self.rooms.leave(room_id)

    async def react(self, room_id: str, event_id: str, key: str, *, txn_id: str) -> str:
        """React to an event, in clear as reactions are, and return the reaction's id."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send(room_id, {"m.relates_to": relation}, txn_id=txn_id, type="m.reaction")

    async def _room(self, room_id: str) -> Room:
        """Find the room, asking for its state when the sync has not brought it yet."""
        room = self.rooms.get(room_id)
        if room is None or room.membership != "join":
            state = await self._state(room_id)
            self.rooms.learn(room_id, "join", state)
            room = self.rooms[room_id]
        return room

    async def _state(self, room_id: str) -> list[Any]:
        return list(await self._api.request("GET", "/rooms/{}/state", room_id))

    async def _log_in_again(self, relogin: Relogin) -> str:
        try:
            fresh = await relogin(self.device_id, lambda api: publish_keys(api, self._olm))
        except MatrixError as error:
            raise Unauthorized(error.status, error.errcode) from None
        if (fresh.user_id, fresh.device_id) != (self.user_id, self.device_id):
            raise WrongStore
        return fresh.access_token

    async def _handle(self, answer: Mapping[str, Any]) -> None:
        await self._intake.handle(answer)
        self._upkeep.wake()
        self._forgetting.heard()
        self._first_sync.set()

    async def _tell_reports(self) -> None:
        while True:
            await self.handlers.tell_reports([await self._reports.get()])

    async def _decline_verification(self, message: Message) -> None:
        content = message.content
        if content.get("msgtype") != "m.key.verification.request" or content.get("to") != self.user_id:
            return
        relation = {"m.relates_to": {"rel_type": "m.reference", "event_id": message.event_id}}
        txn_id = "verification-" + hashlib.sha256(message.event_id.encode()).hexdigest()[:16]
        with suppress(MatrixError, HomeserverDown, NotEncrypted):
            await self.send(
                message.room_id, cancellation() | relation, txn_id=txn_id, type="m.key.verification.cancel"
            )
