"""Focal points look after the rooms of their own country; nothing beyond it exists for them."""

from dataclasses import replace

import pytest

from banyan.domain.effects import Actor
from banyan.services.rooms import ANNOUNCEMENTS, Rooms
from policies.placement import rooms_now
from tests.bots.stage import Person
from tests.fakes import NOON, room_id

FOCAL, OTHER, NEIGHBOUR = "teal-otter", "amber-heron", "calm-oar"


@pytest.fixture
def beginning(with_cast):
    return with_cast(Person(FOCAL, "KH", ("focal_point",)), Person(OTHER, "KH"), Person(NEIGHBOUR, "LA"))


@pytest.fixture
def people(stage):
    """A focal point, a member of their country, and somebody of the next one."""
    return stage


async def in_rooms(stage, name):
    return rooms_now(stage.hearing.network, (await stage.look(name)).placement)


async def moves(stage, name):
    """What the gate was asked to do for somebody, without the joining itself."""
    user_id = stage.hearing.accounts.member(name)
    return [(kind, payload.get("room_ids")) for kind, payload in await stage.effects(Actor.GATE, user_id)]


async def test_rooms_tells_what_each_is_for_and_how_many_are_there(people):
    """Everybody's legend, and the counts of their own country; gone after ten minutes."""
    (said,) = await people.say(FOCAL, "rooms")
    for line in ("Juniper rain: safety messages", "Wagtail: the staff room", "Juniper shade: 2", "Basalt: 0"):
        assert line in said
    assert "Larch" not in said
    assert "ten minutes" in said
    assert (await people.effects(Actor.DESK, f"!chat-{FOCAL}"))[-1][1]["lasts"] == 600


async def test_an_ordinary_member_gets_the_legend_and_no_counts(people):
    """Code names are explained; staff rooms are not there for them."""
    (said,) = await people.say(OTHER, "My rooms")
    assert "Juniper shade: here your group talks" in said
    assert "ten minutes" in said
    for hidden in ("Wagtail", "Granary", "Basalt", "look after"):
        assert hidden not in said


async def test_asked_in_the_staff_room_names_are_told_in_the_chat(people):
    """Focal points of other countries read that room."""
    for typed in ("rooms", "room members Juniper shade"):
        (said,) = await people.say(FOCAL, typed, in_="focal-points")
        assert "your own chat" in said
    *_, (_, listed) = await people.effects(Actor.DESK, f"!chat-{FOCAL}")
    assert OTHER in listed["content"]["body"]
    assert listed["lasts"] == 600


async def test_members_of_a_room_are_those_of_the_own_country(people):
    """A theme holds members of every country; the others are not shown, nor counted."""
    await people.say(FOCAL, f"room invite Basalt {OTHER}")
    await people.say(FOCAL, "yes")
    await people.member("lone-pine", "LA", "focal_point")
    await people.say("lone-pine", f"room invite Basalt {NEIGHBOUR}")
    await people.say("lone-pine", "yes")
    assert "theme:climate" in await in_rooms(people, NEIGHBOUR)
    (listed,) = await people.say(FOCAL, "room members Basalt")
    assert "Basalt: 1" in listed
    assert OTHER in listed
    assert NEIGHBOUR not in listed


async def test_invite_lets_into_a_theme_after_a_yes(people, decisions):
    """Nothing before; then the placement, the gate and the log say the same."""
    (preview,) = await people.say(FOCAL, f"room invite Basalt {OTHER}")
    assert f"Let {OTHER} into Basalt." in preview
    assert "theme:climate" not in await in_rooms(people, OTHER)
    await people.say(FOCAL, "1")
    assert "theme:climate" in await in_rooms(people, OTHER)
    assert (await moves(people, OTHER))[-2:] == [("allow", [room_id("theme:climate")]), ("admit", None)]
    assert (await decisions())[-1] == (
        "member-let-in",
        f"focal_point:{FOCAL}",
        {"room": "theme:climate"},
    )


async def test_remove_keeps_out_and_invite_lifts_it(people, decisions):
    """The guide and the alarms stay; the gate takes them out and is told when they may come back."""
    await people.say(FOCAL, f"room remove Juniper shade {OTHER}")
    await people.say(FOCAL, "yes")
    assert await in_rooms(people, OTHER) == {"space:KH", "guide:KH", "alert:KH"}
    assert (await moves(people, OTHER))[-1] == ("expel", [room_id("talk:KH")])
    assert (await decisions())[-1] == ("member-barred", f"focal_point:{FOCAL}", {"room": "talk:KH"})
    await people.say(FOCAL, f"room invite Juniper shade {OTHER}")
    await people.say(FOCAL, "yes")
    assert "talk:KH" in await in_rooms(people, OTHER)
    assert (await moves(people, OTHER))[-2:] == [("allow", [room_id("talk:KH")]), ("admit", None)]


async def test_who_is_kept_out_is_let_in_by_nothing_else(people, access, roles):
    """Rooms made anew, the gate's table written anew, a role: the bar stands."""
    await people.say(FOCAL, f"room remove Juniper shade {OTHER}")
    await people.say(FOCAL, "yes")
    user_id = people.hearing.accounts.member(OTHER)
    await access.reallow()
    async with people.hearing.work() as tx:
        await roles.give(tx, await tx.members.by_localpart(OTHER), "focal_point", by="operator")
    for kind, payload in (await people.effects(Actor.GATE, user_id))[-4:]:
        assert kind in ("allow", "admit")
        assert room_id("talk:KH") not in payload.get("room_ids", ())
    assert (user_id, room_id("talk:KH")) not in (await access.projection()).allow
    assert (user_id, room_id("alert:KH")) in (await access.projection()).allow


REFUSED = [
    (f"room remove Juniper shade {FOCAL}", "yourself"),
    (f"room invite Basalt {FOCAL}", "yourself"),
    ("room remove Juniper shade first-peer", "duties are like yours"),
    ("room invite Basalt first-peer", "duties are like yours"),
    ("room remove Juniper shade high-officer", "duties are like yours"),
    (f"room remove Basalt {OTHER}", "not in that room"),
    (f"room invite Juniper shade {OTHER}", "in that room already"),
]


@pytest.mark.parametrize(("typed", "why"), REFUSED, ids=[typed for typed, _ in REFUSED])
async def test_rank_and_sense_limit_what_can_be_done(people, decisions, typed, why):
    """Neither oneself nor one's equals nor those above; and nothing that is so already."""
    await people.member("first-peer", "KH", "focal_point")
    await people.member("high-officer", "KH", "security_officer")
    before = await decisions()
    (said,) = await people.say(FOCAL, typed)
    assert why in said
    await people.say(FOCAL, "yes")
    assert await decisions() == before


@pytest.mark.parametrize(
    "room", ["Juniper rain", "Juniper path", "Juniper", "Wagtail", "Kestrel", "alert:KH"]
)
@pytest.mark.parametrize("verb", ["room invite", "room remove", "room members"])
async def test_only_conversations_can_be_touched(people, decisions, verb, room):
    """Nobody is kept from an alarm, or let into a staff room, by one person."""
    before = await decisions()
    for in_ in (None, "focal-points"):
        await people.say(FOCAL, f"{verb} {room} {OTHER}", in_=in_)
        await people.say(FOCAL, "yes", in_=in_)
    assert await decisions() == before


async def test_the_check_is_made_again_at_the_yes(people, roles):
    """Somebody became a focal point between the preview and the answer."""
    await people.say(FOCAL, f"room remove Juniper shade {OTHER}")
    async with people.hearing.work() as tx:
        await roles.give(tx, await tx.members.by_localpart(OTHER), "focal_point", by="operator")
    (said,) = await people.say(FOCAL, "yes")
    assert "duties are like yours" in said
    assert "talk:KH" in await in_rooms(people, OTHER)


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [("conversation_size", 1, "1 members already"), ("rooms_per_member", 5, "in 5 rooms already")],
)
async def test_a_room_and_a_person_can_be_full(people, network, accounts, clock, limit, value, why):
    """The limits of the network file hold for what is asked for by chat as well."""
    await people.member("third-fern", "KH")
    await people.say(FOCAL, "room invite Basalt third-fern")
    await people.say(FOCAL, "yes")
    tight = network.model_copy(update={"limits": network.limits.model_copy(update={limit: value})})
    services = replace(people.hearing.services, rooms=Rooms(clock, tight, accounts))
    people.hearing = replace(people.hearing, services=services)
    (said,) = await people.say(FOCAL, f"room invite Basalt {OTHER}")
    assert why in said


async def test_a_cell_sees_nothing_of_the_other(stage, decisions):
    """A focal point of MM-1 tries every word upon MM-2: its people and rooms are as unknown as inventions."""
    await stage.member(FOCAL, "MM-1", "focal_point")
    await stage.member(NEIGHBOUR, "MM-2")
    await stage.member("lone-pine", "MM-2", "focal_point")
    await stage.say("lone-pine", f"room invite Basalt {NEIGHBOUR}")
    await stage.say("lone-pine", "yes")
    before = await decisions()
    answers = {}
    for who in (NEIGHBOUR, "no-body"):
        for verb in ("room invite Basalt", "room remove Basalt", "room remove Alder shade"):
            answers.setdefault(verb, set()).update(await stage.say(FOCAL, f"{verb} {who}"))
            await stage.say(FOCAL, "stop")
    assert [len(each) for each in answers.values()] == [1, 1, 1]
    for room in ("Willow shade", "talk:MM-2"):
        for typed in (
            f"room members {room}",
            f"room invite {room} {NEIGHBOUR}",
            f"room remove {room} {NEIGHBOUR}",
        ):
            (said,) = await stage.say(FOCAL, typed)
            await stage.say(FOCAL, "stop")
            assert NEIGHBOUR not in said
            assert "Willow" not in said
    told = [
        *await stage.say(FOCAL, "rooms"),
        *await stage.say(FOCAL, "room members Basalt"),
        *await stage.say(FOCAL, "room members"),
    ]
    assert not any(hidden in said for hidden in (NEIGHBOUR, "lone-pine", "Willow") for said in told)
    assert "Basalt: 0" in told[0]
    assert "Basalt: 0" in told[1]
    assert await decisions() == before


async def test_only_those_who_look_after_rooms_may(people, decisions):
    """An ordinary member and an officer are told that it is not for them; in a staff room nobody answers."""
    await people.member("high-officer", "KH", "security_officer")
    before = await decisions()
    for name in (OTHER, "high-officer"):
        for verb in ("room members", "room invite", "room remove", "room announce"):
            (said,) = await people.say(name, f"{verb} Juniper shade {OTHER}")
            assert "not for you" in said
    assert await people.say("high-officer", "room announce Hello", in_="security") == []
    assert await decisions() == before


async def test_an_announcement_goes_through_the_guide_room_of_the_own_country(people, decisions):
    """Shown first; quoted; in the log without its words; the row forgets them once it is sent."""
    (preview,) = await people.say(FOCAL, "room announce Tea at six.")
    assert "Juniper" in preview
    assert "» Tea at six." in preview
    await people.say(FOCAL, "yes")
    ((kind, payload),) = await people.effects(Actor.DESK, room_id("guide:KH"))
    assert kind == "announce"
    assert payload == {
        "room_id": room_id("guide:KH"),
        "language": "km",
        "text": "Tea at six.",
        "from": "Juniper",
    }
    assert (await decisions())[-1] == ("room-announced", f"focal_point:{FOCAL}", {})
    async with people.hearing.work() as tx:
        (effect,) = [e for e in await tx.outbox.due(Actor.DESK, NOON, 99) if e.kind == "announce"]
        await tx.outbox.done(effect.id, NOON, {})
        assert (await tx.outbox.get(effect.id)).payload == {}


async def test_announcements_are_few(people, clock):
    """Six a day and person, over a restart too; the next day again."""
    await people.member("first-peer", "KH", "focal_point")

    async def announce(name):
        (preview,) = await people.say(name, "room announce Tea")
        return (await people.say(name, "yes"))[0] if "» Tea" in preview else preview

    for _ in range(ANNOUNCEMENTS):
        assert "being written" in await announce(FOCAL)
    services = people.hearing.services
    fresh = Rooms(clock, people.hearing.network, people.hearing.accounts)
    people.hearing = replace(people.hearing, services=replace(services, rooms=fresh))
    assert "within a day" in await announce(FOCAL)
    assert "being written" in await announce("first-peer")
    clock.forward(days=1)
    assert "being written" in await announce(FOCAL)
