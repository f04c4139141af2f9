"""The eye: what the gate tells of the homeserver from inside, read into a `Sight`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from banyan.domain.sight import (
    SeenAccount,
    SeenDevice,
    SeenPusher,
    SeenRoom,
    SeenService,
    SeenToken,
    Sight,
)
from banyan.matrix import Api
from banyan.services.ports.world import Clock

SURVEY: Final = "/_synapse/client/banyan/survey"

JSON = dict[str, Any]
Judged = tuple[str | None, Mapping[str, bool]]
"""The public master key, and device id → whether its owner has signed it."""
Judge = Callable[[str, Mapping[str, Any]], Judged]
"""Judges a person's keys from what a /keys/query would answer about them."""

_IN_A_ROW: Final = 50
"""Accounts whose keys are judged while nothing else runs: about 20 ms."""
_LOOK_SECONDS: Final = 60.0
"""The most one look may take: a homeserver of a thousand people answers in a second."""


class Surveyor:
    """Implements the port `Eye`. Remembers rooms and judged keys, so that what is unchanged costs little.

    Keys come from the gate as well, not from /keys/query: that tells the warden only of people it shares a
    room with (MSC4263), and who is in no room is just whom the audit looks for. What signs what is judged
    here, from the keys themselves.
    """

    def __init__(self, gate: Api, judge: Judge, clock: Clock) -> None:
        """`gate` carries the gate's secret as its token."""
        self._gate = gate
        self._judge = judge
        self._clock = clock
        self._rooms: dict[str, SeenRoom] = {}
        self._judged: dict[str, tuple[JSON, Judged]] = {}

    async def look(self) -> Sight:
        """See everything. Raises MatrixError and HomeserverDown."""
        at, before = self._clock.now(), self._rooms
        told = await self._ask({"marks": {room_id: room.mark for room_id, room in before.items()}})
        rooms = [_room(each, before.get(each["room_id"])) for each in told["rooms"]]
        self._rooms = {room.room_id: room for room in rooms}
        accounts = [account async for account in self._accounts(told["accounts"])]
        there = {each.user_id for each in accounts}
        self._judged = {user_id: known for user_id, known in self._judged.items() if user_id in there}
        return Sight(
            at=at,
            rooms=rooms,
            accounts=accounts,
            settings=told["settings"],
            tokens=[_token(each) for each in told["tokens"]],
            pushers=[SeenPusher(**each) for each in told["pushers"]],
            services=[_service(each) for each in told["services"]],
            puppet_tokens=told["puppet_tokens"],
            read=sum(each["state"] is not None for each in told["rooms"]),
        )

    async def room(self, room_id: str) -> SeenRoom | None:
        """See one room. Raises MatrixError and HomeserverDown."""
        rooms = (await self._ask({"room": room_id}))["rooms"]
        return _room(rooms[0], None) if rooms else None

    async def _ask(self, body: JSON) -> JSON:
        return dict(
            await self._gate.request("POST", SURVEY, body=body, timeout=_LOOK_SECONDS, repeatable=True)
        )

    async def _accounts(self, told: list[JSON]) -> AsyncIterator[SeenAccount]:
        for number, each in enumerate(told):
            if number % _IN_A_ROW == 0:
                await asyncio.sleep(0)  # an alarm does not wait for thousands of signatures
            yield self._account(each)

    def _account(self, told: JSON) -> SeenAccount:
        master_key, signed = self._keys(told)
        return SeenAccount(
            user_id=told["user_id"],
            admin=told["admin"],
            locked=told["locked"],
            deactivated=told["deactivated"],
            display_name=told["display_name"],
            has_picture=told["has_picture"],
            service=told["service"],
            devices=tuple(
                SeenDevice(
                    device_id=device["device_id"],
                    name=device["name"],
                    signed=signed.get(device["device_id"], False),
                    encrypts=device["keys"] is not None,
                    digest=sha256((device["keys"] or "").encode()).hexdigest(),
                )
                for device in told["devices"]
            ),
            master_key=master_key,
        )

    def _keys(self, told: JSON) -> Judged:
        """Judge a person's keys, unless they are the same as last time."""
        user_id = told["user_id"]
        keys = {
            "devices": {each["device_id"]: each["keys"] for each in told["devices"] if each["keys"]},
            "identity": told["identity"],
            "signatures": told["signatures"],
        }
        known = self._judged.get(user_id)
        if known is None or known[0] != keys:
            known = keys, self._judge(user_id, _answer(user_id, keys))
            self._judged[user_id] = known
        return known[1]


def _answer(user_id: str, keys: JSON) -> JSON:
    """Put a person's keys together as /keys/query answers: signatures made later are kept apart."""
    devices = {device_id: _read(text) for device_id, text in keys["devices"].items()}
    for key_id, device_id, signature in keys["signatures"]:
        with suppress(KeyError, AttributeError, TypeError):  # whoever publishes nonsense has no signed device
            devices[device_id].setdefault("signatures", {}).setdefault(user_id, {})[key_id] = signature
    answer: JSON = {"device_keys": {user_id: devices}}
    for usage, text in keys["identity"].items():
        answer[f"{usage}_keys"] = {user_id: _read(text)}
    return answer


def _read(text: str) -> Any:
    """Read keys. Nested as deep as the homeserver takes them they are nonsense, and must blind no audit."""
    try:
        return json.loads(text)
    except RecursionError:
        return {}


def _room(told: JSON, before: SeenRoom | None) -> SeenRoom:
    if told["state"] is None:
        if before is None:
            raise ValueError("the gate left out the state of a room that was not seen before")
        state = before.state
    else:
        state = {(each["type"], each["state_key"]): each["content"] for each in told["state"]}
    return SeenRoom(
        room_id=told["room_id"],
        creator=told["creator"],
        version=told["version"],
        mark=told["mark"],
        members=told["members"],
        state=state,
        listed=told["listed"],
    )


def _token(told: JSON) -> SeenToken:
    ends = told["expires_ms"]
    return SeenToken(
        digest=told["digest"],
        uses_allowed=told["uses_allowed"],
        uses=told["uses"],
        expires=None if ends is None else datetime.fromtimestamp(ends / 1000, UTC),
    )


def _service(told: JSON) -> SeenService:
    return SeenService(
        id=told["id"],
        url=told["url"],
        users=[(regex, exclusive) for regex, exclusive in told["users"]],
        rooms=told["rooms"],
        aliases=told["aliases"],
    )
