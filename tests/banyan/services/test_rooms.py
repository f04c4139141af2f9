"""What those may do who look after rooms, whatever the chat lets through to here."""

from dataclasses import replace

import pytest

from banyan.domain.effects import Actor
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.errors import Refusal
from banyan.services.rooms import (
    ANNOUNCEMENTS,
    ELSEWHERE,
    ENOUGH,
    FULL,
    NO_CONVERSATION,
    ROOMS_FULL,
    THERE,
    Rooms,
)

pytestmark = pytest.mark.usefixtures("rooms")

TALK, CLIMATE = RoomKey("talk:KH"), RoomKey("theme:climate")
HELPER = Member("f1", "teal-otter", Placement("KH", roles=frozenset({"focal_point"})), "en")
REGIONAL = Member("f2", "high-pine", Placement("KH", roles=frozenset({"security_officer"})), "en")


@pytest.fixture
def someone(work):
    """Write an admitted member into the books."""

    async def add(number=1, area="KH", **placement):
        codes = {kind: frozenset(values) for kind, values in placement.items()}
        placed = Placement(area, **codes)
        member = Member(f"m{number}", f"stone-{number}", placed, "en", MemberStatus.ADMITTED)
        async with work() as tx:
            await tx.members.add(member)
        return member

    return add


@pytest.fixture
def service(clock, network, accounts):
    """With limits of the test's own."""

    def make(**limits):
        tight = network.model_copy(update={"limits": network.limits.model_copy(update=limits)})
        return Rooms(clock, tight, accounts)

    return make


async def refused(work, why, change):
    with pytest.raises(Refusal) as caught:
        async with work() as tx:
            await change(tx)
    assert caught.value.text.template == why


@pytest.mark.parametrize(
    "key", ["alert:KH", "guide:KH", "space:KH", "space:staff", "staff:security", "chat:x", ""]
)
async def test_nothing_but_conversations(work, service, someone, decisions, key):
    """Nobody misses an alarm, nobody comes to a staff room by one person's word."""
    member = await someone()
    for change in (service().let_in, service().bar):
        await refused(
            work, NO_CONVERSATION, lambda tx, change=change: change(tx, key, member, by=HELPER, actor="x")
        )
    assert await decisions() == []


async def test_nobody_comes_into_the_conversation_of_another_area(work, service, someone):
    """Not even by the word of somebody who reaches every area: a cell would see the other."""
    member = await someone(area="MM-1")
    await refused(
        work,
        ELSEWHERE,
        lambda tx: service().let_in(tx, RoomKey("talk:MM-2"), member, by=REGIONAL, actor="x"),
    )


async def test_a_room_is_full_by_everybody_in_it(work, service, someone):
    """Those of other countries take a place too."""
    await someone(1, "LA", themes={"climate"})
    member = await someone(2)
    full, wide = service(conversation_size=1), service(conversation_size=2)
    await refused(work, FULL, lambda tx: full.let_in(tx, CLIMATE, member, by=HELPER, actor="x"))
    async with work() as tx:
        await wide.let_in(tx, CLIMATE, member, by=HELPER, actor="x")
        assert len(await wide.members(tx, CLIMATE, ["KH", "LA"])) == 2


async def test_coming_back_counts_as_one_room_more(work, service, someone):
    """Space, guide and alarm, and the chat with the desk, are there already."""
    member = await someone(barred={TALK})
    tight, wide = service(rooms_per_member=4), service(rooms_per_member=5)
    await refused(work, ROOMS_FULL, lambda tx: tight.let_in(tx, TALK, member, by=HELPER, actor="x"))
    async with work() as tx:
        await wide.let_in(tx, TALK, member, by=HELPER, actor="x")
        assert (await tx.members.get(member.id)).placement.barred == frozenset()


async def test_a_theme_they_were_kept_out_of_opens_again(work, service, someone):
    """The theme is still theirs: one row goes, none comes."""
    member = await someone(themes={"climate"}, barred={CLIMATE})
    async with work() as tx:
        await service().let_in(tx, CLIMATE, member, by=HELPER, actor="x")
        after = (await tx.members.get(member.id)).placement
    assert after == replace(member.placement, barred=frozenset())


async def test_every_change_checks_for_itself(work, service, someone, decisions):
    """Whatever was shown before: who came in meanwhile is not let in a second time."""
    member = await someone()
    await refused(work, THERE, lambda tx: service().let_in(tx, TALK, member, by=HELPER, actor="x"))
    for _ in range(ANNOUNCEMENTS):
        async with work() as tx:
            await service().announce(tx, "Tea", {"KH"}, by=HELPER, actor="x")
    await refused(work, ENOUGH, lambda tx: service().announce(tx, "Tea", {"KH"}, by=HELPER, actor="x"))
    assert len(await decisions()) == ANNOUNCEMENTS


async def test_an_announcement_for_many_areas_counts_once(work, service, effects, network):
    """Somebody who reaches every country has as many words as anybody else, and passes for no neighbour."""
    everywhere = {area.key for area in network.areas}
    for _ in range(ANNOUNCEMENTS):
        async with work() as tx:
            await service().announce(tx, "Tea", everywhere, by=REGIONAL, actor="x")
    told = [payload["from"] for kind, payload in await effects(Actor.DESK) if kind == "announce"]
    assert len(told) == ANNOUNCEMENTS * len(everywhere)
    assert set(told) == {"Juniper", None}
