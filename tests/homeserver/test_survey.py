"""Reading what the gate tells."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from bots.client.trust import read_devices, read_identity
from homeserver.survey import Surveyor

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOTHING: dict[str, Any] = {"rooms": [], "accounts": [], "settings": {}, "tokens": [], "pushers": []} | {
    "services": [],
    "puppet_tokens": 0,
}
HOSTILE = ['{"signatures": "x"}', '{"signatures": {"@a:x": 7}}', "[]", "7", "null", '{"keys": []}', '"x"']
# Synapse takes keys that are nested as deep as its own stack has room
HOSTILE += ['{"x":' * deep + "{}" + "}" * deep for deep in (900, 2000)]


class FakeClock:
    def now(self) -> datetime:
        return NOW


class FakeGate:
    """Tells what it was given, and remembers what it was asked."""

    def __init__(self, **told: Any) -> None:
        self.told = NOTHING | told
        self.asked: list[Any] = []

    async def request(self, method: str, path: str, *, body: Any, **_: Any) -> Any:
        self.asked.append(body)
        return self.told


def judged(user_id: str, answer: Any) -> Any:
    identity = read_identity(user_id, answer)
    signed = {each.device_id: each.owner_signed for each in read_devices(user_id, answer, identity)}
    return identity and identity.master_key, signed


def account(user_id: str = "@a:x", **changes: Any) -> dict[str, Any]:
    bare: dict[str, Any] = dict.fromkeys(("admin", "locked", "deactivated", "has_picture"), False)
    empty: dict[str, Any] = {"devices": [], "identity": {}, "signatures": []}
    return bare | empty | {"user_id": user_id, "display_name": "", "service": None} | changes


def room(mark: int, state: Any) -> dict[str, Any]:
    told = {"creator": "@keeper:x", "version": "12", "members": {}, "listed": False}
    return told | {"room_id": "!r", "mark": mark, "state": state}


@pytest.mark.parametrize("keys", HOSTILE)
async def test_no_member_breaks_the_audit_with_their_keys(keys):
    """Whoever publishes nonsense has a device that nobody signed."""
    device = {"device_id": "D", "name": "", "keys": keys}
    hostile = account(
        devices=[device],
        identity={"master": keys, "self_signing": keys},
        signatures=[["ed25519:k", "D", "s"]],
    )
    sight = await Surveyor(FakeGate(accounts=[hostile]), judged, FakeClock()).look()
    (seen,) = sight.accounts
    assert (seen.master_key, seen.devices[0].signed, seen.devices[0].encrypts) == (None, False, True)


async def test_what_did_not_change_is_remembered():
    """The gate is told the marks, and leaves the state out."""
    gate = FakeGate(rooms=[room(5, [{"type": "t", "state_key": "", "content": {"a": 1}}])])
    eye = Surveyor(gate, judged, FakeClock())
    first = await eye.look()
    gate.told = NOTHING | {"rooms": [room(5, None) | {"members": {"@a:x": "join"}}]}
    again = await eye.look()
    assert gate.asked == [{"marks": {}}, {"marks": {"!r": 5}}]
    assert (first.read, again.read) == (1, 0)
    assert again.rooms[0].state == first.rooms[0].state == {("t", ""): {"a": 1}}
    assert again.rooms[0].members == {"@a:x": "join"}


async def test_thousands_of_keys_hold_up_nobody_else():
    """Between some accounts and the next, whatever else waits is done."""
    waited = 0

    async def somebody_else() -> None:
        nonlocal waited
        while True:
            await asyncio.sleep(0)
            waited += 1

    other = asyncio.create_task(somebody_else())
    people = [account(f"@a{number}:x") for number in range(1000)]
    await Surveyor(FakeGate(accounts=people), judged, FakeClock()).look()
    other.cancel()
    assert waited >= 10
