"""Who gets the key of a room: who is in it, is on our roster, and has a device that the room's policy takes.

A key is kept while only people or devices come: the newcomer is given it, from the next message on. It is
replaced when somebody who has it goes, and after the room's number of messages or days. Invited people get
none.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from uuid import uuid4

import structlog

from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError
from bots.client.canonical import Json
from bots.client.devices import Devices
from bots.client.errors import KeysNotDelivered, NotEncrypted
from bots.client.events import KeyPolicy, Report, ReportKind, Roster
from bots.client.megolm import OwnKey, RoomKeys
from bots.client.olm import MEGOLM, Olm
from bots.client.rooms import Room
from bots.client.slices import chunks, slices
from bots.client.trust import Device, Trust

log = structlog.get_logger()

CLAIM_SIZE = 200
TO_DEVICE_SIZE = 100
"""Devices in one request."""
JUST_PUBLISHED = (0.1, 0.3)
"""Seconds to wait for the one-time keys of a device nobody has asked before.

A homeserver tells of a new device a moment before it has its keys, and what is sent before a device was given
the room's key it can never read.
"""
FIRST_SILENCE_MS, LONGEST_SILENCE_MS = 1000, 10 * 60 * 1000
"""A device that had no one-time key is asked again after this, doubled each time."""


class _Silence(NamedTuple):
    since_ms: int
    times: int


class Sharing:
    """Gives our room keys out and decides when they are replaced."""

    def __init__(
        self,
        api: Api,
        olm: Olm,
        keys: RoomKeys,
        devices: Devices,
        roster: Roster,
        *,
        report: Callable[[Report], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._api = api
        self._olm = olm
        self._keys = keys
        self._devices = devices
        self._roster = roster
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._room_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._claim_lock = asyncio.Lock()
        self._silent: dict[str, _Silence] = {}
        """Devices that had no one-time key, by their curve25519 key."""
        self._waiting: dict[str, frozenset[str]] = {}
        """Rooms whose key such devices lack, and which."""
        self._reported: set[Report] = set()

    async def encrypt(self, room: Room, kind: str, content: Json) -> Json:
        """Share the room's key with whoever lacks it, then encrypt.

        Raises NotEncrypted, KeysNotDelivered, and what Api.request raises. Cancelled or failed, it leaves
        nothing behind but keys already given out.
        """
        async with self._room_locks[room.room_id]:
            await self._prepare(room)
            return self._keys.encrypt(room.room_id, kind, content)

    async def warm(self, room: Room) -> None:
        """Do everything a send would do first, so that the send is one request."""
        async with self._room_locks[room.room_id]:
            await self._prepare(room)

    def pause(self) -> float | None:
        """Seconds until a device that some room waits for may be asked again; None for no such device."""
        if not self._waiting:
            return None
        earliest = min(self._until(curve25519) for silent in self._waiting.values() for curve25519 in silent)
        return max(0.0, (earliest - self._now_ms()) / 1000)

    def take_waiting(self) -> set[str]:
        """Rooms that wait for such a device: they are to be warmed again."""
        waiting, self._waiting = set(self._waiting), {}
        return waiting

    async def begin_sessions(self, devices: Iterable[Device]) -> None:
        """Begin Olm sessions with these devices, new ones where there are some already."""
        async with self._claim_lock:
            broken = list(devices)
            await self._claim(broken)
            self._note_silence(broken)

    async def _prepare(self, room: Room) -> None:
        if room.encryption.get("algorithm") != MEGOLM:
            raise NotEncrypted
        people = await self._recipients(room)
        await self._devices.refresh(people)
        wanted = self._wanted(room.room_id, people)
        key = self._keys.own(room.room_id)
        if key is None or self._worn_out(room, key) or key.shared_with - wanted.keys():
            key = self._keys.renew(room.room_id)
        self._waiting.pop(room.room_id, None)
        lacking = [device for name, device in wanted.items() if name not in key.shared_with]
        if lacking:
            await self._open_sessions(lacking)
            await self._hand_out(room.room_id, lacking)
            silent = frozenset(device.curve25519 for device in lacking) & self._silent.keys()
            if silent:
                self._waiting[room.room_id] = silent

    async def _recipients(self, room: Room) -> frozenset[str]:
        joined, allowed = room.joined, await self._roster.allowed(room.room_id)
        for stranger in joined - allowed - {self._olm.user_id}:
            self._report_once(Report(ReportKind.NOT_ON_ROSTER, room.room_id, stranger))
        return joined & allowed

    def _wanted(self, room_id: str, people: Iterable[str]) -> dict[tuple[str, str, str], Device]:
        policy = self._roster.policy(room_id)
        wanted = {}
        for user_id in people:
            for device in self._devices.of(user_id):
                if (user_id, device.device_id) == (self._olm.user_id, self._olm.device_id):
                    continue
                if self._devices.trust(device) is not Trust.OWNER_SIGNED:
                    kind = ReportKind.UNSIGNED_DEVICE
                    self._report_once(Report(kind, room_id, user_id, device.device_id))
                    if policy is not KeyPolicy.EVERY_DEVICE:
                        continue
                wanted[user_id, device.device_id, device.curve25519] = device
        return wanted

    def _worn_out(self, room: Room, key: OwnKey) -> bool:
        age_ms = self._now_ms() - key.created_ms
        # one of a time to come was made before the clock was put back, and would never grow old
        return key.messages >= room.rotation_messages or not 0 <= age_ms < room.rotation_ms

    async def _open_sessions(self, devices: list[Device]) -> None:
        async with self._claim_lock:  # rooms share people: another one may just have begun these sessions
            missing = self._olm.without_session(devices)
            now = self._now_ms()
            missing = [device for device in missing if self._until(device.curve25519) <= now]
            await self._claim(missing)
            fresh = [device for device in missing if device.curve25519 not in self._silent]
            for pause in JUST_PUBLISHED:
                if not fresh or not (fresh := self._olm.without_session(fresh)):
                    break
                await self._sleep(pause)
                await self._claim(fresh)
            self._note_silence(missing)

    async def _claim(self, devices: list[Device]) -> None:
        for chunk in chunks(devices, CLAIM_SIZE):
            wanted: Json = {}
            for device in chunk:
                wanted.setdefault(device.user_id, {})[device.device_id] = "signed_curve25519"
            body = {"one_time_keys": wanted, "timeout": 10_000}
            answer = await self._api.request("POST", "/keys/claim", body=body, timeout=60, repeatable=True)
            claimed = answer.get("one_time_keys", {})
            async for some in slices(chunk):
                self._olm.begin([(d, _claimed_key(claimed, d)) for d in some])

    def _note_silence(self, devices: list[Device]) -> None:
        silent = self._olm.without_session(devices)
        for device in devices:
            if device not in silent:
                self._silent.pop(device.curve25519, None)
        for device in silent:
            times = self._silent[device.curve25519].times + 1 if device.curve25519 in self._silent else 0
            self._silent[device.curve25519] = _Silence(self._now_ms(), times)
            report = Report(ReportKind.UNREACHABLE_DEVICE, user_id=device.user_id, device_id=device.device_id)
            self._report_once(report)

    async def _hand_out(self, room_id: str, devices: list[Device]) -> None:
        content = self._keys.to_share(room_id)
        lost = 0
        for chunk in chunks(devices, TO_DEVICE_SIZE):
            reached: list[Device] = []
            messages: Json = {}
            async for some in slices(chunk):
                done, part = self._olm.encrypt(some, "m.room_key", content)
                reached += done
                for user_id, by_device in part.items():
                    messages.setdefault(user_id, {}).update(by_device)
            if not reached:
                continue
            try:
                await self._send_to_device(messages)
            except (HomeserverDown, MatrixError) as error:
                log.warning("keys.not_delivered", devices=len(reached), why=type(error).__name__)
                lost += len(reached)
            else:
                self._keys.mark_shared(room_id, reached)
        if lost:
            raise KeysNotDelivered(lost)

    async def _send_to_device(self, messages: Json) -> None:
        path = "/sendToDevice/m.room.encrypted/{}"
        await self._api.request("PUT", path, uuid4().hex, body={"messages": messages})

    def _until(self, curve25519: str) -> int:
        """When a device may be asked for a one-time key, in ms since 1970."""
        silence = self._silent.get(curve25519)
        if silence is None:
            return 0
        return silence.since_ms + min(FIRST_SILENCE_MS << min(silence.times, 20), LONGEST_SILENCE_MS)

    def _report_once(self, report: Report) -> None:
        if report not in self._reported:
            self._reported.add(report)
            self._report(report)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _claimed_key(claimed: Any, device: Device) -> Any:
    try:
        return next(iter(claimed[device.user_id][device.device_id].values()))
    except (KeyError, TypeError, AttributeError, StopIteration):
        return None
