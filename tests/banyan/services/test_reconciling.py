"""Which changes make the warden look, when repairing becomes a fight, and when it stands back."""

import pytest

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import MemberStatus
from banyan.domain.rooms import Room, RoomKey, RoomKind
from banyan.errors import NotFound
from banyan.services.fights import FOUGHT_OVER, MOST, OVERRUN
from banyan.services.freezing import Freezing
from banyan.services.looking import look
from banyan.services.reconciling import REFUSED, Changed, digest_of, thaw
from banyan.services.vigil import SECURITY
from tests.fakes import room_id

TALK = RoomKey("talk:KH")
TOPIC = "m.room.topic"
POWER = "m.room.power_levels"


def state(kind, key=TALK, state_key="", sender="@warden:banyan.test", **content):
    return Changed(room_id(key), kind, state_key, sender, content)


def member(user_id, how="join", key=TALK):
    return state("m.room.member", key, user_id, sender=user_id, membership=how)


@pytest.fixture
def looks(work, rooms, reconciling, effects):
    """Which rooms the warden is to look at after these changes."""

    async def after(*changes):
        async with work() as tx:
            await reconciling.changed(tx, changes)
        return [payload["room_id"] for _, payload in await effects(Actor.WARDEN)]

    return after


async def test_a_country_that_joins_on_one_evening_makes_nobody_look(looks, members):
    """Invitations and joins of those who are expected, before they count as admitted too; leaving is free."""
    people = [(await members.invite("KH")).user_id for _ in range(20)]
    keys = ("space:KH", "talk:KH", "guide:KH", "alert:KH")
    moves = [member(who, how, key) for who in people for key in keys for how in ("invite", "join", "leave")]
    assert await looks(*moves) == []


async def test_what_the_network_file_asks_for_makes_nobody_look(looks, network, accounts):
    """The events by which the rooms are made, heard late, cost no look at all."""
    talk, space = room_id(TALK), room_id("space:KH")
    via = {"via": ["banyan.test"]}
    allow = [{"type": "m.room_membership", "room_id": space}]
    name = f"{network.area('KH').code_name} {network.rooms.talk.word}"
    assert not await looks(
        state("m.room.name", name=name),
        state("m.room.encryption", algorithm="m.megolm.v1.aes-sha2"),
        state("m.room.join_rules", join_rule="restricted", allow=allow),
        state("m.space.parent", state_key=space, canonical=True, **via),
        state("m.space.child", "space:KH", state_key=talk, **via),
        state("m.room.server_acl", allow=["*"], deny=[], allow_ip_literals=True),
        state(TOPIC),
        *(member(who, how) for who, how in [(accounts.warden, "join"), (accounts.keeper, "join")]),
        member(accounts.alarm, "invite", "alert:KH"),
    )


@pytest.mark.parametrize(
    "change",
    [
        state(TOPIC, topic="meet at the bridge"),
        state("m.room.name", name="Press office"),
        state("m.room.encryption"),
        state("m.room.history_visibility", history_visibility="world_readable"),
        state(POWER, users={"@mallory:banyan.test": 100}),
        state("m.room.tombstone", replacement_room="!other"),
        state("m.space.child", "space:KH", state_key=room_id(TALK)),
        state("m.space.child", "space:KH", state_key="!strange", via=["banyan.test"]),
        state("m.room.redaction", sender="@mallory:banyan.test"),
        member("@mallory:banyan.test"),
        member("@mallory:banyan.test", "invite"),
        member("@mallory:elsewhere.test", "knock"),
        member("@desk:banyan.test", "invite"),
        member("@warden:banyan.test", "leave"),
    ],
    ids=lambda change: f"{change.type} {change.state_key} {change.content.get('membership', '')}",
)
async def test_everything_else_does(looks, change):
    """One look at that room, whoever set it and however much of it there is."""
    assert await looks(change, change) == [change.room_id]


async def test_a_member_of_another_country_is_no_member_here(looks, members):
    """Whoever belongs elsewhere is looked at as a stranger."""
    who = (await members.invite("LA")).user_id
    assert await looks(member(who)) == [room_id(TALK)]


async def test_who_is_frozen_is_a_stranger_everywhere(looks, members, work):
    """Their own country's rooms too."""
    who = (await members.invite("KH")).user_id
    async with work() as tx:
        found = await tx.members.by_localpart(who[1:].partition(":")[0])
        await tx.members.set_status(found.id, MemberStatus.FROZEN)
    assert await looks(member(who)) == [room_id(TALK)]


async def test_a_room_that_is_half_made_is_left_alone(looks):
    """Nothing happens in a room that is not in our books."""
    assert await looks(state(TOPIC, "talk:nowhere", topic="x")) == []


async def test_a_member_who_takes_back_their_words_makes_nobody_look(looks, members, work, roles):
    """Who holds no role can take back only their own; who does, state too."""
    who = (await members.invite("KH")).user_id
    await members.arrived(who)
    assert await looks(state("m.room.redaction", sender=who)) == []
    assert await looks(state("m.room.redaction", sender="@guest:partner.test")) == []
    async with work() as tx:
        found = await tx.members.by_localpart(who[1:].partition(":")[0])
        await roles.give(tx, found, "focal_point", by="operator")
    before = await looks()
    assert await looks(state("m.room.redaction", sender=who)) == [*before, room_id(TALK)]


async def test_a_role_sets_levels_at_once(work, rooms, members, roles, effects):
    """Given and taken: the rooms in which it gives power are looked at, the latter after they have left."""
    who = (await members.invite("KH")).user_id
    await members.arrived(who)
    for change in (roles.give, roles.take):
        async with work() as tx:
            await change(
                tx, await tx.members.by_localpart(who[1:].partition(":")[0]), "focal_point", by="operator"
            )
    asked = [payload for _, payload in await effects(Actor.WARDEN) if payload["room_id"] == room_id(TALK)]
    assert asked == [{"room_id": room_id(TALK), "meant": [POWER]}] * 2


async def test_levels_follow_whoever_comes_and_whoever_is_frozen(
    work, rooms, members, roles, effects, clock, network, accounts
):
    """A role given before its holder came counts from then on; one who is frozen loses its level at last."""
    who = (await members.invite("KH")).user_id

    async def asked():
        return [each for _, each in await effects(Actor.WARDEN) if each["room_id"] == room_id(TALK)]

    async def person(tx):
        return await tx.members.by_localpart(who[1:].partition(":")[0])

    async with work() as tx:
        await roles.give(tx, await person(tx), "focal_point", by="operator")
    assert await asked() == []
    await members.arrived(who)
    assert len(await asked()) == 1
    async with work() as tx:
        await Freezing(clock, network, accounts).freeze(tx, await person(tx), by="operator")
    assert await asked() == [{"room_id": room_id(TALK), "meant": [POWER]}] * 2


# repairs


@pytest.fixture
async def room(work, rooms):
    async with work.reading() as tx:
        return await tx.rooms.get(TALK)


@pytest.fixture
def warned(effects):
    async def read():
        return [(payload["reason"], payload["values"]) for kind, payload in await effects(Actor.STEWARD)]

    return read


async def again(work):
    async with work.reading() as tx:
        return await tx.rooms.get(TALK)


async def test_three_repairs_of_the_same_thing_end_in_silence(reconciling, work, room, warned, decisions):
    """The third freezes the room and is told once; nobody fights on; other things are still put right."""
    for effect in ("1", "2"):
        assert not (await reconciling.decide(effect, room, [TOPIC, TOPIC])).frozen
    verdict = await reconciling.decide("3", room, [TOPIC])
    assert (verdict.frozen, verdict.left) == (True, frozenset())
    assert await warned() == [(FOUGHT_OVER, {"room": TALK})]
    verdict = await reconciling.decide("4", await again(work), [TOPIC, "m.room.avatar"])
    assert (verdict.frozen, verdict.left) == (True, {TOPIC})
    assert len(await warned()) == 1
    changes = [details.get("changes") for _, _, details in await decisions()]
    assert changes == [TOPIC, TOPIC, TOPIC, None, "m.room.avatar"]


async def test_what_is_put_right_now_and_then_is_no_fight(reconciling, work, room, clock, warned):
    """Three times in more than an hour freeze nothing."""
    for effect in "1234":
        assert not (await reconciling.decide(effect, await again(work), [TOPIC])).frozen
        clock.forward(minutes=31)
    assert await warned() == []


async def test_what_was_killed_in_between_counts_once(reconciling, work, room, decisions):
    """The same effect tried again writes nothing again and still does everything."""
    for effect in ("1", "1", "1", "1", "2", "2"):
        verdict = await reconciling.decide(effect, room, [TOPIC])
        assert (verdict.frozen, verdict.left) == (False, frozenset())
    for _ in range(3):
        verdict = await reconciling.decide("3", await again(work), [TOPIC])
        assert (verdict.frozen, verdict.left) == (True, frozenset())
    assert [details for _, _, details in await decisions()] == [{"changes": TOPIC}] * 3 + [{}]


async def test_what_we_mean_is_no_repair(reconciling, work, room, decisions):
    """Levels that follow a role are neither counted nor logged as put right."""
    for effect in "12345":
        assert not (await reconciling.decide(effect, room, [POWER], meant=[POWER])).frozen
    assert await decisions() == []


async def test_what_another_look_is_meant_to_set_is_no_repair(reconciling, work, room, rooms, decisions):
    """A role was given while a look was on its way: that look finds the levels differ, and it is no fight."""
    async with work() as tx:
        await look(tx, room.room_id)
        await look(tx, room.room_id, meant={POWER})
    for effect in "12345":
        assert not (await reconciling.decide(effect, room, [POWER])).frozen
    assert await decisions() == []


async def test_a_look_that_waits_keeps_no_other_waiting(work, room, clock, reconciling, decisions):
    """Without the registrar's key nobody's access ends; what is changed in their rooms is put right still."""
    async with work() as tx:
        never = await tx.outbox.put(NewEffect(Actor.REGISTRAR, "end_sessions", {}))
        await look(tx, room.room_id, meant={POWER}, after=never)
        await look(tx, room.room_id)
        due = await tx.outbox.due(Actor.WARDEN, clock.now(), 9)
    assert [each.payload["meant"] for each in due] == [[]]
    await reconciling.decide("1", room, [POWER])
    assert await decisions() == [], "the levels that will be set then are no repair now"


async def test_a_frozen_room_that_loses_more_is_told(reconciling, work, room, warned, decisions):
    """Whoever has a room silenced first does not close it unheard; it is told once, and anew after a thaw."""
    for effect in "123":
        await reconciling.decide(effect, room, [TOPIC])
    for effect in "456":
        await reconciling.decide(effect, await again(work), (), fatal=["room-closed"])
    told = [(FOUGHT_OVER, {"room": TALK}), ("room-closed", {"room": TALK})]
    assert await warned() == told
    assert [details for *_, details in await decisions()] == [{"changes": TOPIC}] * 3 + [{}] * 2
    async with work() as tx:
        await thaw(tx, TALK, by="operator")
    for effect in "78":
        await reconciling.decide(effect, await again(work), (), fatal=["room-closed"])
    assert await warned() == [*told, told[-1]]


def others(start, stop):
    return [f"org.example.{each}" for each in range(start, stop)]


async def test_one_thing_after_another_ends_in_silence(reconciling, work, room, warned, decisions):
    """Whoever sets ever different things is repaired ten times; one more freezes the room, told once.

    From then on nobody fights over what can be made up without end; what keeps the room shut is still set.
    """
    for each in others(0, MOST):
        assert not (await reconciling.decide(each, await again(work), [each])).frozen
    assert await warned() == []
    verdict = await reconciling.decide("last", await again(work), ["org.example.last"])
    assert (verdict.frozen, verdict.left) == (True, frozenset())
    assert await warned() == [(OVERRUN, {"room": TALK})]
    verdict = await reconciling.decide("more", await again(work), ["org.example.more", "member:0f", POWER])
    assert (verdict.frozen, verdict.left) == (True, {"org.example.more", "member:0f"})
    assert len(await warned()) == 1
    changes = [details.get("changes") for _, _, details in await decisions()]
    assert changes == ["other"] * (MOST + 1) + [None, POWER]


async def test_many_strangers_are_a_fight_too(reconciling, room, warned):
    """Each of them counts, and all in one look: an administrator can put in as many as they like."""
    verdict = await reconciling.decide("1", room, [f"member:{each}" for each in range(MOST + 1)])
    assert (verdict.frozen, verdict.left) == (True, frozenset())
    assert await warned() == [(OVERRUN, {"room": TALK})]


async def test_ten_things_now_and_then_are_no_fight(reconciling, work, room, clock, warned):
    """A homeserver brought back from a copy upsets each thing of a room once; later that is forgotten."""
    for each in range(3):
        things = others(each * MOST, (each + 1) * MOST)
        assert not (await reconciling.decide(f"{room.key} {each}", await again(work), things)).frozen
        clock.forward(minutes=61)
    assert await warned() == []


async def test_what_we_mean_makes_no_fight_of_it(reconciling, work, room, warned):
    """Levels that follow roles, however often, beside ten things that somebody changed."""
    for effect in range(2 * MOST):
        assert not (await reconciling.decide(f"role {effect}", room, [POWER], meant=[POWER])).frozen
    assert not (await reconciling.decide("1", await again(work), others(0, MOST))).frozen
    assert await warned() == []


async def test_what_was_killed_in_the_middle_of_much_counts_once(reconciling, work, room, warned):
    """The look that silences a room, tried again, does what it did; nothing is left or told anew."""
    for _ in range(3):
        assert not (await reconciling.decide("1", await again(work), others(0, MOST))).frozen
    for _ in range(3):
        verdict = await reconciling.decide("2", await again(work), others(MOST, MOST + 5))
        assert (verdict.frozen, verdict.left) == (True, frozenset())
    assert await warned() == [(OVERRUN, {"room": TALK})]


async def test_a_person_is_not_named(reconciling, room, decisions):
    """The log says that a membership was put right, not whose."""
    await reconciling.decide("1", room, ["member:0123456789abcdef"])
    assert [details for *_, details in await decisions()] == [{"changes": "member"}]


async def test_the_log_repeats_no_word_of_whoever_changed_a_room(reconciling, room, decisions):
    """A type of state is free text, and as many of them as somebody likes."""
    await reconciling.decide("1", room, [TOPIC, *(f"meet.at.the.bridge.{each}" for each in range(9))])
    assert [details for *_, details in await decisions()] == [{"changes": f"{TOPIC},other"}]


async def test_a_refused_repair_is_told_once_an_hour(reconciling, room, clock, warned):
    for _ in range(3):
        await reconciling.refused(room)
    clock.forward(hours=1)
    await reconciling.refused(room)
    assert await warned() == [(REFUSED, {"room": TALK})] * 2


async def test_thawing(reconciling, work, room, effects, decisions):
    """People may speak again: it is logged, counting begins anew, and the warden sets what was left."""
    for effect in "123":
        await reconciling.decide(effect, room, [TOPIC])
    async with work() as tx:
        assert await thaw(tx, TALK, by="operator")
    assert not (await again(work)).frozen
    assert (await decisions())[-1][:2] == ("room-changed", "operator")
    assert await effects(Actor.WARDEN) == [("look", {"room_id": room_id(TALK), "meant": ["*"]})]
    assert not (await reconciling.decide("4", await again(work), [TOPIC])).frozen
    async with work() as tx:
        assert not await thaw(tx, TALK, by="operator")
        with pytest.raises(NotFound):
            await thaw(tx, RoomKey("talk:XX"), by="operator")


async def test_what_was_left_in_a_fight_freezes_nothing_when_it_is_set_right(reconciling, work, room, warned):
    """However much has come together: staff ended the fight."""
    await reconciling.decide("1", room, others(0, MOST + 1))
    async with work() as tx:
        await thaw(tx, TALK, by="operator")
    for effect, meant in [("heard before", ()), ("the thaw's own", ["*"])]:
        verdict = await reconciling.decide(effect, await again(work), others(99, 150), meant=meant)
        assert (verdict.frozen, verdict.left) == (False, frozenset())
    assert len(await warned()) == 1


# standing back


async def test_while_another_network_is_applied_nothing_is_put_right(reconciling, work, rooms, warned):
    """Until our own file is applied, and after another one was, we stand back and say so."""
    assert (await reconciling.back(), await reconciling.standing()) == (True, None)
    await reconciling.applied()
    standing = await reconciling.standing()
    assert standing.rooms[room_id(TALK)].key == TALK
    async with work() as tx:
        await tx.noted.set("network", "another")
    assert (await reconciling.back(), await reconciling.standing()) == (True, None)
    await reconciling.tell_back()
    assert await warned() == [("network-not-applied", {})]


def test_the_digest_is_of_what_the_file_says(network):
    """The same in every process, another for another network."""
    assert digest_of(network) == digest_of(network.model_copy())
    assert digest_of(network) != digest_of(network.model_copy(update={"themes": {}}))


async def test_without_a_security_room_nobody_is_told(reconciling, work):
    """Nothing fails for that."""
    await reconciling.refused(Room(TALK, "!talk", RoomKind.TALK, "KH", "en"))
    async with work.reading() as tx:
        assert await tx.rooms.get(SECURITY) is None
