"""What is seen that should never be is written down and told once."""

import pytest

from banyan.domain.effects import Actor
from banyan.domain.log import Action
from banyan.domain.rooms import Room, RoomKind
from banyan.services.vigil import SECURITY, Vigil


@pytest.fixture
async def vigil(work):
    async with work() as tx:
        await tx.rooms.put(Room(SECURITY, "!security", RoomKind.STAFF, "regional", "en"))
    return Vigil(work)


async def test_told_once_while_it_lasts(vigil, work, clock):
    """Every look that finds the same says nothing new; when it went and came back, it is told again."""
    await vigil.report({("warden-has-device", "warden")})
    await vigil.report({("warden-has-device", "warden")})
    assert not vigil.calm
    assert await told(work, clock) == (["warden-has-device"], 1)
    await vigil.report(())
    assert vigil.calm
    await vigil.report({("warden-has-device", "warden")})
    assert (await told(work, clock))[1] == 2


async def test_nothing_is_said_while_all_is_well(vigil, work, clock):
    """A calm look writes nothing."""
    await vigil.report(())
    assert await told(work, clock) == ([], 0)


async def test_who_cannot_look_is_not_calm(vigil, work, clock):
    """Whoever takes the registrar's key away blinds the watch: /health says so, until it sees again."""
    await vigil.report(())
    for calm in (True, True, False, False):
        vigil.failed()
        assert vigil.calm is calm
    await vigil.report(())
    assert vigil.calm
    assert await told(work, clock) == ([], 0)


async def told(work, clock):
    async with work.reading() as tx:
        effects = await tx.outbox.due(Actor.STEWARD, clock.now(), 10)
        entries = [e for e in await tx.log.all() if Action.INTRUSION_SEEN.encode() in e.body]
    return [effect.payload["reason"] for effect in effects], len(entries)
