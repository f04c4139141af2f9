"""Work that need not hold up the sync: device lists, warm rooms, broken sessions, polite refusals."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import uuid4

import structlog

from banyan.backoff import backoff
from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError, Unauthorized
from bots.client.canonical import Json
from bots.client.devices import Devices
from bots.client.errors import KeysNotDelivered, NotEncrypted
from bots.client.inbox import Inbox
from bots.client.megolm import RoomKeys
from bots.client.olm import Olm
from bots.client.rooms import Rooms
from bots.client.sharing import Sharing
from bots.client.slices import slices

log = structlog.get_logger()

ROOMS_AT_ONCE = 3
LONGEST_PAUSE = 300.0


class Upkeep:
    """Runs beside the sync, whenever there is something to do."""

    def __init__(
        self,
        *,
        api: Api,
        olm: Olm,
        keys: RoomKeys,
        devices: Devices,
        sharing: Sharing,
        inbox: Inbox,
        rooms: Rooms,
        keep_warm: bool,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._olm = olm
        self._keys = keys
        self._devices = devices
        self._sharing = sharing
        self._inbox = inbox
        self._rooms = rooms
        self._keep_warm = keep_warm
        self._sleep = sleep
        self._cold: set[str] = set()
        self._wake = asyncio.Event()
        self.done = asyncio.Event()
        """Set while there is nothing left to do."""

    def wake(self, rooms: Iterable[str] = ()) -> None:
        """There may be something to do, for these rooms too."""
        if self._keep_warm:
            self._cold.update(rooms)
        self.done.clear()
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        failures = 0
        while True:
            await self._until_needed()
            self._wake.clear()
            try:
                await self.once()
                failures = 0
            except Exception as error:  # noqa: BLE001  it is tried again; sends do the same work and do raise
                failures += 1
                pause = backoff(failures, longest=LONGEST_PAUSE)
                log.warning("upkeep.failed", why=type(error).__name__, pause=pause)
                await self._sleep(pause)
                self._wake.set()
            if not self._wake.is_set():
                self.done.set()

    async def _until_needed(self) -> None:
        """Until somebody wakes us, or a device that had no keys to begin with may have some now."""
        try:
            async with asyncio.timeout(self._sharing.pause() if self._keep_warm else None):
                await self._wake.wait()
        except TimeoutError:
            self._cold.update(self._sharing.take_waiting())

    async def once(self) -> None:
        """Do what there is to do."""
        await self._mend_sessions()
        await self._decline_verifications()
        await self._devices.refresh(self._devices.outdated())
        await self.warm(self._take_cold())

    async def warm(self, room_ids: Iterable[str]) -> None:
        """Share the keys of these rooms. What fails is tried later, and raises once the rest is done."""
        limit = asyncio.Semaphore(ROOMS_AT_ONCE)
        failed: list[Exception] = []

        async def one(room_id: str) -> None:
            async with limit:
                room = self._rooms.get(room_id)
                if room is None or room.membership != "join" or not room.encrypted:
                    return
                try:
                    await self._sharing.warm(room)
                except NotEncrypted:
                    log.warning("room.unknown_encryption", room_id=room_id)
                except (HomeserverDown, MatrixError, KeysNotDelivered) as error:
                    failed.append(error)
                    self._cold.add(room_id)

        async for some in slices(room_ids):
            await asyncio.gather(*(one(room_id) for room_id in some))
        if failed:
            raise failed[0]

    def _take_cold(self) -> list[str]:
        cold, self._cold = list(self._cold), set()
        return cold

    async def _mend_sessions(self) -> None:
        wedged, self._inbox.wedged = self._inbox.wedged, []
        restarted, self._inbox.restarted = self._inbox.restarted, []
        for device in restarted:
            self._keys.unmark_shared(device)
        if restarted:
            people = {device.user_id for device in restarted}
            self.wake(room.room_id for room in self._rooms.joined() if not room.joined.isdisjoint(people))
        if wedged:
            await self._sharing.begin_sessions(wedged)
            async for some in slices(wedged):
                _, messages = self._olm.encrypt(some, "m.dummy", {})
                await self._to_device("m.room.encrypted", messages)

    async def _decline_verifications(self) -> None:
        cancellations, self._inbox.cancellations = self._inbox.cancellations, []
        messages: Json = {}
        for user_id, device_id, content in cancellations:
            messages.setdefault(user_id, {})[device_id] = content
        if messages:
            await self._to_device("m.key.verification.cancel", messages)

    async def _to_device(self, kind: str, messages: Json) -> None:
        try:
            await self._api.request(
                "PUT", "/sendToDevice/{}/{}", kind, uuid4().hex, body={"messages": messages}
            )
        except Unauthorized:
            raise
        except MatrixError as error:
            log.warning("to_device.refused", type=kind, errcode=error.errcode)
