"""What the gate and the registrar do about effects: all of it can be done twice."""

from datetime import UTC, datetime

import pytest

from banyan.domain.effects import Actor, Effect, EffectState
from banyan.errors import HomeserverDown
from homeserver.actors import EXPEL, GateActor, RegistrarActor
from homeserver.gatefile import GateFile

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WHO = "@lotus-teal:x"


def effect(kind, **payload):
    return Effect("1", 1, Actor.GATE, kind, payload, "", None, EffectState.QUEUED, NOW)


class FakeGate:
    """Remembers what the gate was asked, and what the table said then."""

    def __init__(self, file, refuses=()):
        self.asked = []
        self.refuses = list(refuses)
        self._file = file

    async def request(self, method, path, *, body, **_):
        self.asked.append((path, body, self._file.rooms_of(body["user_id"])))
        return {"left": ["!1"], "refused": self.refuses}


class FakeAdmin:
    """Accounts with their devices; remembers what was done to them, in order."""

    def __init__(self, **accounts):
        self.accounts = {f"@{name}:x": list(devices) for name, devices in accounts.items()}
        self.done = []

    async def user(self, user_id):
        return {} if user_id in self.accounts else None

    async def delete_devices(self, user_id):
        self.done.append("devices")
        self.accounts[user_id].clear()

    async def reset_password(self, user_id, password):
        self.done.append(f"password {len(password)}")

    async def lock(self, user_id):
        self.done.append("lock")
        self.accounts.setdefault(user_id, [])


@pytest.fixture
def file(tmp_path):
    file = GateFile(tmp_path / "gate.db")
    file.allow(WHO, ["!1", "!2"])
    return file


@pytest.mark.parametrize(("rooms", "left"), [(None, set()), (["!1"], {"!2"})])
async def test_the_way_back_is_closed_before_anybody_is_taken_out(file, rooms, left):
    """Else a room that is open to a space would be entered again at once."""
    gate, moves = FakeGate(file), []
    actor = GateActor(file, gate, lambda: moves.append(1))
    assert await actor.expel(effect("expel", user_id=WHO, room_ids=rooms)) == {"left": 1}
    assert gate.asked == [(EXPEL, {"user_id": WHO, "room_ids": rooms}, left)]
    assert moves


async def test_a_room_that_does_not_let_go_is_tried_again(file):
    """The effect stays in the outbox."""
    actor = GateActor(file, FakeGate(file, refuses=["!2"]), lambda: None)
    with pytest.raises(HomeserverDown):
        await actor.expel(effect("expel", user_id=WHO, room_ids=None))


async def test_frozen_means_nowhere_again(file):
    """Also for an effect that was decided before and is carried out after."""
    actor = GateActor(file, FakeGate(file), lambda: None)
    await actor.freeze(effect("freeze", user_id=WHO))
    await actor.allow(effect("allow", user_id=WHO, room_ids=["!3"]))
    assert file.rooms_of(WHO) == set()


async def test_the_lock_ends_the_session_of_a_login_under_way():
    """Its password was right when it asked."""
    admin = FakeAdmin(**{"lotus-teal": ["A"]})
    actor = RegistrarActor(admin)
    for step in (actor.end_sessions, actor.new_password, actor.lock):
        await step(effect("step", user_id=WHO))
    assert admin.done == ["devices", "password 43", "lock", "devices"]


async def test_nobody_is_registered_by_being_locked():
    """The admin API makes the account that it is asked to change."""
    admin = FakeAdmin()
    actor = RegistrarActor(admin)
    for step in (actor.end_sessions, actor.new_password, actor.lock):
        assert await step(effect("step", user_id=WHO)) == {}
    assert admin.accounts == {}
