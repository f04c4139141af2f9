"""What is seen that should never be is written down, and told once while it lasts."""

import pytest

from banyan.domain.effects import Actor
from banyan.domain.log import Action
from banyan.domain.rooms import Room, RoomKind
from banyan.errors import HomeserverDown
from banyan.matrix import MatrixError, Unauthorized
from banyan.services.vigil import AWAY, BLIND, EVERY, PATIENCE, SECURITY, Vigil

DEVICE, OTHER = ("warden-has-device", "warden"), ("account-has-device", "desk")
REFUSED, DOWN = Unauthorized(401, "M_UNKNOWN_TOKEN"), HomeserverDown("It did not answer.")


@pytest.fixture
async def vigil(work, clock):
    async with work() as tx:
        await tx.rooms.put(Room(SECURITY, "!security", RoomKind.STAFF, "regional", "en"))
    return Vigil(work, clock)


@pytest.fixture
def told(work, effects):
    """What staff were warned of, and how often it had come back; the log has the same."""

    async def read():
        values = [payload for _, payload in await effects(Actor.STEWARD)]
        async with work.reading() as tx:
            entries = [each for each in await tx.log.all() if Action.INTRUSION_SEEN.encode() in each.body]
        assert len(entries) == len(values)
        return [(each["reason"], int(each["values"].get("again", 0))) for each in values]

    return read


async def test_nothing_is_said_while_all_is_well(vigil, work, told):
    """A calm look writes nothing."""
    await vigil.report(())
    assert vigil.calm
    assert await told() == []
    async with work.reading() as tx:
        assert await tx.noted.get("watch-told") is None


async def test_told_once_while_it_lasts(vigil, clock, told):
    """For as many hours as nobody does anything about it; what comes beside it is told at once."""
    for _ in range(3):
        await vigil.report({DEVICE})
        clock.forward(hours=2)
    assert not vigil.calm
    assert await told() == [(DEVICE[0], 0)]
    await vigil.report({DEVICE, OTHER})
    assert await told() == [(DEVICE[0], 0), (OTHER[0], 0)]
    await vigil.report(())
    assert vigil.calm


async def test_what_comes_and_goes_floods_nobody(vigil, clock, told):
    """A device added and removed every half minute: once an hour, and how often it was seen meanwhile."""
    for _ in range(120):
        for found in ({DEVICE}, ()):
            await vigil.report(found)
            clock.forward(seconds=30)
    assert await told() == [(DEVICE[0], 0), (DEVICE[0], 60)]


async def test_a_clock_put_back_silences_nothing(vigil, clock, told):
    """What was told while the clock was years ahead is told again when it comes again."""
    clock.forward(days=3650)
    await vigil.report({DEVICE})
    clock.forward(days=-3650)
    for found in ((), {DEVICE}):
        await vigil.report(found)
    assert await told() == [(DEVICE[0], 0), (DEVICE[0], 0)]


async def test_another_sign_is_told_while_one_comes_and_goes(vigil, clock, told):
    """The hour is each sign's own."""
    for found in ({DEVICE}, (), {DEVICE}, {OTHER}):
        await vigil.report(found)
        clock.forward(seconds=30)
    assert await told() == [(DEVICE[0], 0), (OTHER[0], 0)]


async def test_what_came_back_within_the_hour_is_told_after_it(vigil, clock, told):
    """Whoever was told first may have looked, found nothing and gone: it is said though it has gone again."""
    for found in ({DEVICE}, (), {DEVICE}, ()):
        await vigil.report(found)
    clock.forward(seconds=EVERY.total_seconds() - 1)
    await vigil.report(())
    assert len(await told()) == 1
    clock.forward(seconds=1)
    await vigil.report(())
    assert await told() == [(DEVICE[0], 0), (DEVICE[0], 1)]


async def test_what_is_long_over_is_new_when_it_comes_again(vigil, clock, told):
    """It was forgotten, and nobody is told of times long past."""
    for found in ({DEVICE}, ()):
        await vigil.report(found)
        clock.forward(seconds=EVERY.total_seconds())
    await vigil.report(())
    await vigil.report({DEVICE})
    assert await told() == [(DEVICE[0], 0)] * 2


async def test_a_restart_tells_nothing_again(vigil, work, clock, told):
    """Neither of what is still there nor of what cannot be seen; what came meanwhile is told."""
    await vigil.report({DEVICE})
    clock.forward(hours=5)
    again = Vigil(work, clock)
    await again.report({DEVICE})
    assert not again.calm
    assert len(await told()) == 1
    for each in (again, Vigil(work, clock)):
        await fail(each, REFUSED, PATIENCE)
    assert await told() == [(DEVICE[0], 0), (BLIND[0], 0)]
    await Vigil(work, clock).report({DEVICE, OTHER})
    assert (await told())[2:] == [(OTHER[0], 0)]


async def fail(vigil, error, times):
    for _ in range(times):
        await vigil.failed(error)


@pytest.mark.parametrize("error", [REFUSED, MatrixError(403, "M_FORBIDDEN"), KeyError("devices")])
async def test_who_may_look_no_more_says_so(vigil, clock, told, error):
    """Whoever takes the registrar's key away blinds the watch: staff hear it once, until it sees again."""
    await vigil.report(())
    await fail(vigil, error, PATIENCE - 1)
    assert (vigil.calm, await told()) == (True, [])
    await fail(vigil, error, 9)
    clock.forward(hours=9)
    await fail(vigil, error, 9)
    assert (vigil.calm, await told()) == (False, [(BLIND[0], 0)])
    await vigil.report(())
    assert vigil.calm
    clock.forward(minutes=1)
    await vigil.report(())
    await fail(vigil, error, PATIENCE)
    assert await told() == [(BLIND[0], 0)] * 2


async def test_a_restart_of_the_homeserver_warns_nobody(vigil, clock, told):
    """/health says that nobody looks; staff hear of it when it lasts, whoever it is that does not answer."""
    await fail(vigil, DOWN, 9)
    clock.forward(seconds=AWAY.total_seconds() - 1)
    await fail(vigil, DOWN, 9)
    assert (vigil.calm, await told()) == (False, [])
    clock.forward(seconds=1)
    await fail(vigil, DOWN, 2)
    assert await told() == [(BLIND[0], 0)]


async def test_an_outage_now_and_then_hides_no_refusal(vigil, told):
    """Refusals count though the homeserver is away between them; a look in between ends the count."""
    for _ in range(PATIENCE - 1):
        await fail(vigil, REFUSED, 1)
        await fail(vigil, DOWN, 1)
    await vigil.report(())
    await fail(vigil, REFUSED, PATIENCE - 1)
    assert await told() == []
    await fail(vigil, DOWN, 1)
    await fail(vigil, REFUSED, 1)
    assert await told() == [(BLIND[0], 0)]


async def test_what_nobody_can_see_is_not_gone(vigil, clock, told):
    """While we are blind a sign stays as it was: when we see again it is no new one."""
    await vigil.report({DEVICE})
    await fail(vigil, REFUSED, PATIENCE)
    clock.forward(hours=2)
    await vigil.report({DEVICE})
    assert await told() == [(DEVICE[0], 0), (BLIND[0], 0)]
