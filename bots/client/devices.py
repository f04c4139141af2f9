"""The devices of the people we share encrypted rooms with, and each person's identity at first sight."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from banyan.matrix import Api
from bots.client.events import Report, ReportKind
from bots.client.slices import chunks, slices
from bots.client.store import Store
from bots.client.trust import Device, Trust, read_devices, read_identity

QUERY_SIZE = 250
"""People in one /keys/query: about half a megabyte of answer."""


@dataclass(slots=True)
class _Person:
    master_key: str | None = None
    pinned_key: str | None = None
    pinned_ms: int | None = None
    outdated: int = 1
    """0 when up to date; else counts the news, so that a query under way does not hide later ones."""


class Devices:
    """Device lists, kept from /keys/query. Lives in the tables `person` and `device`."""

    def __init__(
        self,
        store: Store,
        api: Api,
        *,
        report: Callable[[Report], None],
        drop_sessions: Callable[[Iterable[str]], None],
        clock: Callable[[], float],
    ) -> None:
        """`drop_sessions` is given curve25519 keys that are out of use; `clock` gives seconds since 1970."""
        self._store = store
        self._api = api
        self._report = report
        self._drop_sessions = drop_sessions
        self._clock = clock
        self._lock = asyncio.Lock()
        self._people = {
            row[0]: _Person(*row[1:])
            for row in store.rows("SELECT user_id, master_key, pinned_key, pinned_ms, outdated FROM person")
        }
        self._devices: defaultdict[str, dict[str, Device]] = defaultdict(dict)
        for user_id, device_id, ed25519, curve25519, signed in store.rows("SELECT * FROM device"):
            self._devices[user_id][device_id] = Device(user_id, device_id, ed25519, curve25519, bool(signed))

    def of(self, user_id: str) -> Iterable[Device]:
        """Devices of one person, as far as we know."""
        found = self._devices.get(user_id)
        return found.values() if found else ()

    def find(self, user_id: str, curve25519: str) -> Device | None:
        """Tell which of a person's devices has this key."""
        return next((device for device in self.of(user_id) if device.curve25519 == curve25519), None)

    def trust(self, device: Device) -> Trust:
        """How sure we are that the device is its owner's."""
        if not device.owner_signed:
            return Trust.UNSIGNED
        person = self._people[device.user_id]
        return Trust.OWNER_SIGNED if person.master_key == person.pinned_key else Trust.CHANGED

    def reachable(self, user_id: str) -> bool:
        """Tell whether the person has a device that they vouch for under the identity we know."""
        return any(self.trust(device) is Trust.OWNER_SIGNED for device in self.of(user_id))

    def known_since(self, user_id: str) -> int | None:
        """When the person's identity was first seen, in ms since 1970."""
        person = self._people.get(user_id)
        return person.pinned_ms if person else None

    def outdated(self) -> list[str]:
        """People whose devices have to be asked for."""
        return [user_id for user_id, person in self._people.items() if person.outdated]

    def track(self, user_ids: Iterable[str]) -> None:
        """Begin to keep the devices of these people; those we keep already stay as they are."""
        new = [user_id for user_id in user_ids if user_id not in self._people]
        self._people.update((user_id, _Person()) for user_id in new)
        self._store.run_many(
            "INSERT INTO person (user_id, outdated) VALUES (?, 1)", [(user,) for user in new]
        )

    def mark_outdated(self, user_ids: Iterable[str]) -> None:
        """Something about these people's devices has changed. Survives a crash."""
        known = [user_id for user_id in user_ids if user_id in self._people]
        for user_id in known:
            self._people[user_id].outdated += 1
        self._store.run_many("UPDATE person SET outdated = 1 WHERE user_id = ?", [(user,) for user in known])

    def forget(self, user_ids: Iterable[str]) -> None:
        """Erase the devices of people we share no room with. Their identity stays pinned, they may return."""
        for user_id in user_ids:
            if user_id in self._people:
                self._keep(user_id, {})
        self.mark_outdated(user_ids)

    def accept_identity(self, user_id: str) -> None:
        """A person on our side has made sure that the new identity is right: pin it."""
        person = self._people[user_id]
        person.pinned_key, person.pinned_ms = person.master_key, self._now_ms()
        self._save([user_id])

    async def refresh(self, user_ids: Iterable[str]) -> None:
        """Ask for those of these people's devices that are outdated. Raises as Api.request does.

        People of a homeserver that does not answer stay outdated, and as they were.
        """
        wanted = list(user_ids)
        self.track(wanted)
        if not any(self._people[user_id].outdated for user_id in wanted):
            return
        async with self._lock:
            todo = [user_id for user_id in wanted if self._people[user_id].outdated]
            for chunk in chunks(todo, QUERY_SIZE):
                news = {user_id: self._people[user_id].outdated for user_id in chunk}
                answer = await self._api.request(
                    "POST",
                    "/keys/query",
                    body={"device_keys": {user: [] for user in chunk}, "timeout": 10_000},
                    repeatable=True,
                )
                async for some in slices(chunk):
                    self._take(some, answer, news)

    def _take(self, user_ids: list[str], answer: Mapping[str, Any], news: Mapping[str, int]) -> None:
        answered = [user_id for user_id in user_ids if user_id in answer.get("device_keys", {})]
        failed = answer.get("failures") or {}
        with self._store.transaction():
            for user_id in user_ids:
                if user_id not in answered and user_id.partition(":")[2] in failed:
                    continue
                self._learn(user_id, answer)
                person = self._people[user_id]
                person.outdated -= news[user_id]
            self._save(user_ids)

    def _learn(self, user_id: str, answer: Mapping[str, Any]) -> None:
        person = self._people[user_id]
        identity = read_identity(user_id, answer)
        master = identity.master_key if identity else None
        if person.pinned_key is None and master is not None:
            person.pinned_key, person.pinned_ms = master, self._now_ms()
        elif master not in (person.master_key, person.pinned_key):
            self._report(Report(ReportKind.IDENTITY_CHANGED, user_id=user_id))
        person.master_key = master
        listed = {device.device_id: device for device in read_devices(user_id, answer, identity)}
        before = self._devices.get(user_id, {})
        reachable = self.reachable(user_id)
        for device_id, device in listed.items():
            old = before.get(device_id)
            if old is not None and old.ed25519 != device.ed25519 and not self._vouched(device):
                listed[device_id] = old
                self._report(Report(ReportKind.DEVICE_CHANGED, user_id=user_id, device_id=device_id))
        self._keep(user_id, listed)
        if not reachable and self.reachable(user_id):
            self._report(Report(ReportKind.REACHABLE, user_id=user_id))

    def _vouched(self, device: Device) -> bool:
        return self.trust(device) is Trust.OWNER_SIGNED

    def _keep(self, user_id: str, devices: dict[str, Device]) -> None:
        before = self._devices.get(user_id, {})
        if before == devices:
            return
        still = {device.curve25519 for device in devices.values()}
        self._drop_sessions({device.curve25519 for device in before.values()} - still)
        with self._store.transaction():
            self._store.run("DELETE FROM device WHERE user_id = ?", user_id)
            self._store.run_many(
                "INSERT INTO device VALUES (?, ?, ?, ?, ?)",
                [(d.user_id, d.device_id, d.ed25519, d.curve25519, d.owner_signed) for d in devices.values()],
            )
        self._devices[user_id] = devices

    def _save(self, user_ids: Iterable[str]) -> None:
        people = ((user_id, self._people[user_id]) for user_id in user_ids)
        self._store.run_many(
            "REPLACE INTO person VALUES (?, ?, ?, ?, ?)",
            [(user, p.master_key, p.pinned_key, p.pinned_ms, int(p.outdated > 0)) for user, p in people],
        )

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
