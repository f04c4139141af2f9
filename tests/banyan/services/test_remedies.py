"""What is offered to be done about findings: nothing that we cannot do."""

import pytest

from banyan.domain.findings import About, Audit, Finding, Judgement, Severity, Subject
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.services.remedies import Deed, Remedies

KH, LA = RoomKey("talk:KH"), RoomKey("talk:LA")


def found(rule, name, **changes):
    return Finding(rule, Severity.BREACH, Subject(About.ROOM, name), **changes)


@pytest.fixture
def offered(work, rooms, accounts):
    """Which deed is offered, and for which rooms."""

    async def of(*findings):
        async with work.reading() as tx:
            remedy = await Remedies(accounts).find(tx, findings, by=None)
        return remedy and (remedy.deed, [room.key for room in remedy.rooms])

    return of


async def freeze(work, key):
    async with work() as tx:
        await tx.rooms.set_frozen(key, frozen=True)


async def test_what_only_the_keeper_can_do_is_not_offered(offered):
    """Of two rooms the warden sets the one that it can."""
    keeper, desk = found("room-bot", KH, needs_keeper=True), found("room-bot", LA)
    assert await offered(keeper) is None
    assert await offered(keeper, desk) == (Deed.RESTORE, [LA])
    assert await offered(found("power-shared", KH)) is None


async def test_a_kept_audit_still_says_what_only_the_keeper_can_do(work, clock):
    """Numbers are answered from the audit that was kept."""
    told = (found("room-bot", KH, needs_keeper=True), found("room-bot", LA))
    async with work() as tx:
        await tx.audits.add(Audit("a", clock.now(), "daily", Judgement(told), 41, 7))
        assert (await tx.audits.latest()).judgement.findings == told


async def test_a_room_that_is_declared_no_more_is_not_offered(offered, work):
    """It is called by its id: the warden looks at it and does nothing, so it neither sets nor thaws it."""
    async with work() as tx:
        await tx.rooms.put(Room(RoomKey("theme:gone"), "!gone", RoomKind.THEME, "regional", "en"))
    await freeze(work, RoomKey("theme:gone"))
    assert await offered(found("room-guests", "!gone")) is None
    assert await offered(found("room-frozen", "!gone")) is None


async def test_in_a_frozen_room_only_to_thaw_it_is_offered(offered, work):
    """What was fought over is left as it is until then; the rest is set without being asked."""
    await freeze(work, KH)
    assert await offered(found("room-name", KH)) is None
    assert await offered(found("room-frozen", KH)) == (Deed.THAW, [KH])
