"""A plan can be read before anything is touched."""

import json

import pytest

from banyan.domain.plan import CreateRoom, SetState
from banyan.network import load_network
from banyan.settings import DEFAULT_NETWORK
from homeserver.growing import Grower
from tests.homeserver.fake import FakeBooks, FakeHomeserver
from tests.homeserver.networks import ACCOUNTS, mekong, rooms, small, without_theme


@pytest.fixture
def fake():
    return FakeHomeserver(ACCOUNTS)


@pytest.fixture
def books():
    return FakeBooks()


async def plan_of(fake, books, network):
    return await Grower(fake, ACCOUNTS, rooms(network), books, books.record).plan()


async def grow(fake, books, network):
    await Grower(fake, ACCOUNTS, rooms(network), books, books.record).grow()
    fake.writes.clear()


async def test_planning_touches_nothing(fake, books):
    """Only reads; the keeper need not be here."""
    fake.keeper_is_here = False
    plan = await plan_of(fake, books, mekong())
    assert plan.counts["create"] == 41
    assert (fake.writes, fake.rooms) == ([], {})


async def test_asia_plans(fake, books):
    """Fourteen countries, 20 areas: 80 rooms, three themes, five for the staff."""
    network = load_network(DEFAULT_NETWORK.parent / "asia.yaml")
    assert (await plan_of(fake, books, network)).counts["create"] == 88


async def test_a_plan_reads_like_a_difference(fake, books):
    """What is made, what changes and how, what goes; what follows from making a room is left out."""
    assert (await plan_of(fake, books, small())).render().splitlines() == [
        "7 rooms to make, 2 of them spaces",
        "  + space:staff          Granary",
        "  + staff:vetting        Kestrel",
        "  + theme:climate        Basalt",
        "  + space:KH             Juniper",
        "  + talk:KH              Juniper shade",
        "  + guide:KH             Juniper path",
        "  + alert:KH             Juniper rain",
    ]
    await grow(fake, books, small())
    assert (await plan_of(fake, books, small())).render() == "Nothing to change."
    fake.named("Juniper shade").levels["users_default"] = 10
    fake.put_member(fake.named("Juniper rain"), ACCOUNTS.alarm, "leave")
    theme = fake.id_of(fake.named("Basalt"))
    assert (await plan_of(fake, books, without_theme(small()))).render().splitlines() == [
        "2 rooms to change",
        "  ~ talk:KH              m.room.power_levels (users_default)",
        "  ~ alert:KH             @alarm:banyan.test comes in",
        "1 room to remove",
        "  - theme:climate        no longer declared, nobody in it",
    ]
    assert theme in fake.rooms


async def test_a_plan_is_json_too(fake, books):
    """`counts`, `removals`, `notes` and the changes in order."""
    plan = json.loads(json.dumps((await plan_of(fake, books, small())).to_json()))
    assert plan["counts"] == {"create": 7, "note": 7, "seat": 10, "link": 4, "keeper-leaves": 7}
    assert (plan["removals"], plan["notes"]) == (0, [])
    assert plan["changes"][0] == {
        "change": "create",
        "key": "space:staff",
        "kind": "space",
        "name": "Granary",
        "lost": None,
    }


async def test_a_space_is_made_before_what_hangs_under_it(fake, books):
    """The rooms name the space's id."""
    made = [
        change.key
        for change in (await plan_of(fake, books, mekong())).changes
        if isinstance(change, CreateRoom)
    ]
    for room in rooms(mekong()):
        if room.parent:
            assert made.index(room.parent) < made.index(room.key)


async def test_renaming_changes_the_rooms_of_the_area_and_nothing_else(fake, books):
    """A new code name keeps every room: four names are set."""
    await grow(fake, books, small())
    country = small().countries["KH"].model_copy(update={"code_name": "Maple"})
    plan = await plan_of(fake, books, small().model_copy(update={"countries": {"KH": country}}))
    assert {change.key for change in plan.changes} == {"space:KH", "talk:KH", "guide:KH", "alert:KH"}
    assert all(isinstance(change, SetState) and change.type == "m.room.name" for change in plan.changes)


async def test_what_was_fixed_at_creation_is_said(fake, books):
    """Federation and the room's version cannot be changed; the plan says so instead of staying silent."""
    await grow(fake, books, small())
    create = fake.named("Basalt").content("m.room.create")
    create |= {"m.federate": True, "room_version": "11"}
    plan = await plan_of(fake, books, small())
    assert not plan
    assert plan.render().splitlines()[1:] == [
        "! theme:climate: whether it federates was fixed when it was made",
        "! theme:climate: is not of room version 12; upgrade it",
    ]
