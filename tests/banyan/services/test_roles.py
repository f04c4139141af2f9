"""Roles: they open rooms and close them again."""

import pytest

from banyan.domain.effects import Actor
from banyan.errors import IllegalMove, NotFound, Refusal
from banyan.services.members import GRACE
from tests.banyan.services.test_members import rooms_in


@pytest.fixture
def give(work, roles):
    """Give somebody a role, by their pseudonym."""

    async def give(name, role, *, take=False):
        async with work() as tx:
            member = await tx.members.by_localpart(name)
            await (roles.take if take else roles.give)(tx, member, role, by="operator")

    return give


async def test_a_role_opens_its_rooms(members, give, rooms, network, effects, decisions, ids):
    """The gate lets a holder into the staff rooms and joins an admitted one; a second time is nothing."""
    ids.names = ["amber-heron"]
    invited = await members.invite("KH")
    await give("amber-heron", "security_officer")
    await members.arrived(invited.user_id)
    before = len(await effects(Actor.GATE))
    await give("amber-heron", "core_team")
    await give("amber-heron", "core_team")
    (kind, payload), joined = (await effects(Actor.GATE))[before:]
    wanted = rooms_in(network, "KH", roles=["security_officer", "core_team"])
    existing = {one for one in wanted if "space:staff" not in one}
    assert (kind, set(payload["room_ids"])) == ("allow", existing)
    assert joined == ("admit", {"user_id": invited.user_id})
    assert [entry for entry in await decisions() if entry[0] == "role-granted"] == [
        ("role-granted", "operator", {"role": "security_officer"}),
        ("role-granted", "operator", {"role": "core_team"}),
    ]


async def test_a_role_taken_closes_only_what_it_opened(members, give, rooms, effects, decisions, ids):
    """Who keeps another role that opens the same room stays in it."""
    ids.names = ["amber-heron"]
    await members.arrived((await members.invite("KH")).user_id)
    for role in ("security_officer", "vetting_officer"):
        await give("amber-heron", role)
    before = len(await effects(Actor.GATE))
    await give("amber-heron", "security_officer", take=True)
    await give("amber-heron", "security_officer", take=True)
    ((kind, payload),) = (await effects(Actor.GATE))[before:]
    assert (kind, payload["room_ids"]) == ("expel", ["!staff:security:banyan.test"])
    assert ("role-revoked", "operator", {"role": "security_officer"}) in await decisions()


async def test_roles_for_nobody(members, give, rooms, clock, ids):
    """No role that does not exist, none for an invitation that ran out."""
    ids.names = ["amber-heron"]
    invited = await members.invite("KH")
    with pytest.raises(NotFound):
        await give("amber-heron", "pilot")
    clock.time = invited.expires + GRACE
    await members.expire_due()
    with pytest.raises(IllegalMove):
        await give("amber-heron", "core_team")


async def test_a_change_that_changes_nothing_is_refused(members, roles, work, rooms, ids):
    """Two persons are not asked for what is so already, nor for somebody who is not here."""
    ids.names = ["amber-heron", "calm-oar"]
    invited = await members.invite("KH")
    await members.arrived(invited.user_id)
    await members.invite("KH")
    async with work.reading() as tx:
        here, not_yet = (
            await tx.members.by_localpart("amber-heron"),
            await tx.members.by_localpart("calm-oar"),
        )
        assert await roles.check(tx, here.id, "core_team", give=True) == here
        for member, give in ((here, False), (not_yet, True)):
            with pytest.raises(Refusal):
                await roles.check(tx, member.id, "core_team", give=give)
