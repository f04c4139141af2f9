"""The warden puts a room right on a homeserver that remembers, over our real books."""

import copy

import pytest

from banyan.bootstrap.overseeing import whole_look
from banyan.domain.effects import Actor, Effect, EffectState
from banyan.domain.people import Member, MemberStatus, Placement
from banyan.domain.rooms import RoomKey
from banyan.domain.sight import SeenRoom, Sight
from banyan.errors import HomeserverDown
from banyan.services.freezing import Freezing
from banyan.services.reconciling import thaw
from homeserver.desired import desired
from homeserver.growing import Grower
from homeserver.locators import locator_of
from homeserver.reconcile import Loss
from homeserver.warden import WardenActor
from tests.fakes import NOON, FakeVault
from tests.homeserver.fake import MEMBER, Died, FakeHomeserver

TALK, SPACE, ALERT = RoomKey("talk:KH"), RoomKey("space:KH"), RoomKey("alert:KH")
POWER = "m.room.power_levels"


class Seeing:
    """An eye on the homeserver that remembers."""

    def __init__(self, fake):
        self.fake = fake
        self.blind = False

    async def room(self, room_id):
        room = self.fake.rooms.get(room_id)
        if room is None:
            return None
        state = {key: copy.deepcopy(content) for key, content in room.state.items() if key[0] != MEMBER}
        members = {user: room.membership(user) for kind, user in room.state if kind == MEMBER}
        return SeenRoom(room_id, room.creator, "12", 1, members, state)

    async def look(self):
        if self.blind:
            raise HomeserverDown("nobody answers")
        return Sight(NOON, [await self.room(room_id) for room_id in self.fake.rooms], ())


class Rig:
    def __init__(self, work, clock, network, accounts, reconciling):
        self.work, self.clock, self.network, self.accounts = work, clock, network, accounts
        self.reconciling = reconciling
        self.fake = FakeHomeserver(accounts)
        self.actor = WardenActor(Seeing(self.fake), self.fake, accounts, reconciling, self.wanted)
        self.looks = 0

    def wanted(self, standing):
        rooms = desired(
            self.network,
            self.accounts,
            locator_of(FakeVault()),
            standing.powers,
            frozen=standing.frozen,
            cut=standing.cut,
        )
        return {room.key: room for room in rooms}

    async def grow(self):
        async def books():
            async with self.work.reading() as tx:
                return list(await tx.rooms.all())

        async def record(recorded):
            async with self.work() as tx:
                await tx.rooms.put(recorded.room)

        rooms = desired(self.network, self.accounts, locator_of(FakeVault()))
        await Grower(self.fake, self.accounts, rooms, books, record).grow()
        await self.reconciling.applied()
        self.fake.keeper_is_here = False
        self.fake.writes.clear()
        async with self.work.reading() as tx:
            self.ids = {room.key: room.room_id for room in await tx.rooms.all()}

    def room(self, key):
        return self.fake.rooms[self.ids[key]]

    async def look(self, key=TALK, **payload):
        """What one more look at a room does."""
        self.looks += 1
        payload = {"room_id": self.ids[key]} | payload
        effect = Effect(str(self.looks), 1, Actor.WARDEN, "look", payload, "", None, EffectState.QUEUED, NOON)
        return await self.actor.look(effect)

    async def frozen(self, key=TALK):
        async with self.work.reading() as tx:
            return (await tx.rooms.get(key)).frozen


@pytest.fixture
async def rig(work, clock, network, accounts, reconciling):
    rig = Rig(work, clock, network, accounts, reconciling)
    await rig.grow()
    return rig


@pytest.fixture
def warned(effects):
    async def read():
        return [payload["reason"] for kind, payload in await effects(Actor.STEWARD)]

    return read


async def drifted(rig):
    return await rig.actor.drifted(await rig.reconciling.standing())


async def test_a_grown_network_has_no_drift_and_a_look_writes_nothing(rig, decisions):
    """No room differs; looking at each of them changes nothing and logs nothing."""
    assert await drifted(rig) == []
    for key in rig.ids:
        assert await rig.look(key) == {"repaired": 0, "refused": 0}
    assert (rig.fake.writes, await decisions()) == ([], [])


def state(kind, content, key=""):
    return lambda room: room.state.__setitem__((kind, key), content)


DRIFT = {
    "topic": state("m.room.topic", {"topic": "meet at the bridge"}),
    "avatar": state("m.room.avatar", {"url": "mxc://a/b"}),
    "pins": state("m.room.pinned_events", {"pinned": ["$a"]}),
    "address": state("m.room.canonical_alias", {"alias": "#a:banyan.test"}),
    "widget": state("im.vector.modular.widgets", {"url": "https://a"}, "w1"),
    "servers": state("m.room.server_acl", {"allow": [], "deny": ["*"]}),
    "name": state("m.room.name", {"name": "Press office"}),
    "second name": state("m.room.name", {"name": "Press office"}, "x"),
    "joining": state("m.room.join_rules", {"join_rule": "public"}),
    "guests": state("m.room.guest_access", {"guest_access": "can_join"}),
    "history": state("m.room.history_visibility", {"history_visibility": "shared"}),
    "retention": state("m.room.retention", {}),
    "another space": state("m.space.parent", {"via": ["banyan.test"]}, "!other"),
    "an unknown type": state("org.example.bridge", {"bot": "@a:b"}),
    "a stranger": lambda room: room.state.__setitem__((MEMBER, "@x:banyan.test"), {"membership": "join"}),
    "an invitation": lambda room: room.state.__setitem__((MEMBER, "@x:a.b"), {"membership": "invite"}),
    "our desk": lambda room: room.state.__setitem__((MEMBER, "@desk:banyan.test"), {"membership": "join"}),
    "level for all": lambda room: room.levels.__setitem__("users_default", 50),
    "level of one": lambda room: room.levels["users"].__setitem__("@x:banyan.test", 50),
}


@pytest.mark.parametrize("what", DRIFT)
async def test_what_somebody_changed_is_put_back(rig, what, decisions):
    """Found by the look at everything too; one entry in the log; afterwards there is nothing to do."""
    before = copy.deepcopy(rig.room(TALK).state)
    DRIFT[what](rig.room(TALK))
    assert await drifted(rig) == [rig.ids[TALK]]
    assert await rig.look() == {"repaired": 1, "refused": 0}
    after = rig.room(TALK).state
    changed = {key: content for key, content in after.items() if before.get(key) != content}
    neutral = (
        {},
        {"topic": ""},
        {"name": ""},
        {"membership": "leave"},
        {"allow": ["*"], "deny": [], "allow_ip_literals": True},
    )
    assert all(content in neutral for content in changed.values())
    assert await drifted(rig) == []
    assert await rig.look() == {"repaired": 0, "refused": 0}
    assert len(await decisions()) == 1


async def test_a_space_names_its_rooms_and_no_others(rig):
    """A link that was taken away comes back; one to a room that is none of ours is emptied."""
    rig.room(SPACE).state["m.space.child", rig.ids[TALK]] = {}
    rig.room(SPACE).state["m.space.child", "!trap"] = {"via": ["evil.test"]}
    assert await rig.look(SPACE) == {"repaired": 2, "refused": 0}
    assert rig.room(SPACE).state["m.space.child", rig.ids[TALK]] == {"via": ["banyan.test"]}
    assert rig.room(SPACE).state["m.space.child", "!trap"] == {}


async def test_our_account_comes_back_to_its_seat(rig):
    """The alarm was put out of an alert room: it is let in again."""
    rig.room(ALERT).state[MEMBER, rig.accounts.alarm] = {"membership": "leave"}
    assert await rig.look(ALERT) == {"repaired": 1, "refused": 0}
    assert rig.accounts.alarm in rig.room(ALERT).joined


async def test_members_stay_and_those_of_elsewhere_go(rig, members):
    """Whoever belongs there is left alone, bans too; a member of another country goes out."""
    here, elsewhere = (await members.invite("KH")).user_id, (await members.invite("LA")).user_id
    rig.room(TALK).state[MEMBER, here] = {"membership": "join"}
    rig.room(TALK).state[MEMBER, elsewhere] = {"membership": "join"}
    rig.room(TALK).state[MEMBER, "@bad:a.b"] = {"membership": "ban"}
    assert await rig.look() == {"repaired": 1, "refused": 0}
    assert rig.room(TALK).membership(here) == "join"
    assert rig.room(TALK).membership(elsewhere) == "leave"
    assert rig.room(TALK).membership("@bad:a.b") == "ban"


async def test_a_role_is_applied_by_its_own_look(rig, members, roles, decisions):
    """The level is set, and counts as no repair however often it changes."""
    who = (await members.invite("KH")).user_id
    await members.arrived(who)
    before = len(await decisions())
    for change, level in [(roles.give, 50), (roles.take, None)] * 3:
        async with rig.work() as tx:
            member = await tx.members.by_localpart(who[1:].partition(":")[0])
            await change(tx, member, "focal_point", by="operator")
        await rig.look(meant=[POWER])
        assert rig.room(TALK).levels["users"].get(who) == level
    assert not await rig.frozen()
    assert all(action.startswith("role-") for action, *_ in (await decisions())[before:])


async def test_three_times_the_same_silences_the_room(rig, warned):
    """Nobody holds a level or writes; what is fought over is let be; the rest is not."""
    for _ in range(3):
        state("m.room.topic", {"topic": "x"})(rig.room(TALK))
        await rig.look()
    levels = rig.room(TALK).levels
    assert await rig.frozen()
    assert (levels["events_default"], levels["events"]["m.room.encrypted"]) == (50, 50)
    assert await warned() == ["room-fought-over"]
    state("m.room.topic", {"topic": "x"})(rig.room(TALK))
    state("m.room.avatar", {"url": "mxc://a/b"})(rig.room(TALK))
    assert await rig.look() == {"repaired": 1, "refused": 0}
    assert rig.room(TALK).content("m.room.topic") == {"topic": "x"}


async def test_ever_different_things_silence_the_room_and_a_thaw_sets_all_of_it_right(rig, warned):
    """What was left in the fight is no new one, however much it is."""
    before = copy.deepcopy(rig.room(TALK).state)
    for at in range(30):
        state(f"org.example.{at}", {"says": "x"})(rig.room(TALK))
        await rig.look()
    assert rig.room(TALK).content("org.example.29") == {"says": "x"}, "nobody fights on"
    assert (await rig.frozen(), await warned()) == (True, ["room-overrun"])
    async with rig.work() as tx:
        await thaw(tx, TALK, by="operator")
        meant = (await tx.outbox.queued(Actor.WARDEN, rig.ids[TALK]))[-1].payload["meant"]
    await rig.look(meant=meant)
    after = {key: content for key, content in rig.room(TALK).state.items() if content}
    assert (after, await rig.frozen()) == (before, False)
    assert await warned() == ["room-overrun"]


async def test_a_silenced_alert_room_still_lets_the_alarm_speak(rig):
    """An alert must get out whatever somebody does to the room's topic."""
    for _ in range(3):
        state("m.room.topic", {"topic": "x"})(rig.room(ALERT))
        await rig.look(ALERT)
    levels = rig.room(ALERT).levels
    assert levels["users"][rig.accounts.alarm] >= levels["events"]["m.room.encrypted"]


@pytest.mark.parametrize(
    ("loss", "harm"),
    [
        (Loss.TOMBSTONE, state("m.room.tombstone", {"replacement_room": "!trap"})),
        (Loss.ENCRYPTION, state("m.room.encryption", {})),
        (Loss.ENCRYPTION, state("m.room.encryption", {"algorithm": "org.example.none"})),
        (Loss.POWERLESS, lambda room: room.levels["users"].pop("@warden:banyan.test")),
        (
            Loss.OUT,
            lambda room: room.state.__setitem__((MEMBER, "@warden:banyan.test"), {"membership": "ban"}),
        ),
    ],
)
async def test_what_cannot_be_undone_silences_the_room_and_is_told_once(rig, warned, loss, harm):
    """However often we look."""
    harm(rig.room(TALK))
    for _ in range(3):
        await rig.look()
    assert await rig.frozen()
    assert await warned() == [loss]


async def test_a_history_that_was_opened_is_closed_and_told(rig, warned):
    """People may go on; the staff know."""
    state("m.room.history_visibility", {"history_visibility": "world_readable"})(rig.room(TALK))
    await rig.look()
    assert rig.room(TALK).content("m.room.history_visibility") == {"history_visibility": "joined"}
    assert (await rig.frozen(), await warned()) == (False, [Loss.HISTORY])


async def test_a_room_that_is_gone_is_told(rig, warned):
    del rig.fake.rooms[rig.ids[TALK]]
    assert await drifted(rig) == [rig.ids[TALK]]
    await rig.look()
    assert await warned() == [Loss.GONE]


async def test_an_equal_is_told_and_what_can_be_is_still_put_right(rig, warned):
    """Somebody at the warden's level cannot be lowered by it: staff are told, the topic goes back."""
    rig.room(TALK).levels["users"]["@x:banyan.test"] = 100
    state("m.room.topic", {"topic": "x"})(rig.room(TALK))
    assert await rig.look() == {"repaired": 1, "refused": 1}
    assert rig.room(TALK).content("m.room.topic") == {"topic": ""}
    assert await warned() == ["room-not-repaired"]


async def test_while_another_network_is_applied_nothing_is_touched(rig):
    """Another `apply` may be right: it is not fought."""
    state("m.room.topic", {"topic": "x"})(rig.room(TALK))
    async with rig.work() as tx:
        await tx.noted.set("network", "another")
    assert await rig.look() == {}
    assert rig.fake.writes == []


async def test_what_was_missed_is_looked_at_afterwards(rig, effects):
    """However short we stood back, and also after a round that failed."""
    rounds = whole_look(rig.reconciling, rig.actor)
    await rounds()
    before = await looks(effects)
    async with rig.work() as tx:
        digest = await tx.noted.get("network")
        await tx.noted.set("network", "another")
    state("m.room.topic", {"topic": "x"})(rig.room(TALK))
    assert await rig.look() == {}
    async with rig.work() as tx:
        await tx.noted.set("network", digest)
    rig.actor._eye.blind = True
    with pytest.raises(HomeserverDown):
        await rounds()
    rig.actor._eye.blind = False
    await rounds()
    assert await looks(effects) == before + 1
    await rounds()
    assert await looks(effects) == before + 1


async def looks(effects):
    """How many rooms the warden was asked to look at."""
    return len([kind for kind, _ in await effects(Actor.WARDEN) if kind == "look"])


@pytest.mark.parametrize("after_effect", [False, True])
async def test_killed_at_any_write_it_is_all_put_right_in_the_end(rig, after_effect, decisions):
    """The process dies at each write in turn, before or after it takes effect; the same effect goes on."""
    harms = [DRIFT[what] for what in ("topic", "history", "a stranger", "level for all")]
    for harm in harms:
        harm(rig.room(TALK))
    payload = {"room_id": rig.ids[TALK]}
    effect = Effect("one", 1, Actor.WARDEN, "look", payload, "", None, EffectState.QUEUED, NOON)
    rig.fake.dies_after_effect = after_effect
    for dies_at in range(len(harms)):
        rig.fake.writes.clear()
        rig.fake.dies_at = 0 if after_effect else dies_at
        try:
            await rig.actor.look(effect)
        except Died:
            continue
    rig.fake.dies_at = None
    await rig.actor.look(effect)
    assert await drifted(rig) == []
    assert not await rig.frozen()


async def test_many_who_are_frozen_at_once_silence_no_room(rig, warned):
    """A look that comes before the gate has taken them out takes none of it for a fight.

    Whoever is put in again afterwards is counted.
    """
    freezing = Freezing(rig.clock, rig.network, rig.accounts)
    people = [Member(f"m{n}", f"heron-{n}", Placement("KH"), "en", MemberStatus.ADMITTED) for n in range(12)]
    async with rig.work() as tx:
        for member in people:
            await tx.members.add(member)
            await freezing.freeze(tx, member, by=f"security_officer:{member.id}")
    ids = [rig.accounts.member(member.localpart) for member in people]

    def put_in():
        for user_id in ids:
            rig.room(TALK).state[MEMBER, user_id] = {"membership": "join"}

    put_in()
    assert await rig.look() == {"repaired": len(ids), "refused": 0}
    assert (await rig.frozen(), await warned()) == (False, [])
    async with rig.work() as tx:
        for effect in await tx.outbox.queued_of(Actor.GATE, "expel"):
            await tx.outbox.done(effect.id, NOON, {})
    put_in()
    await rig.look()
    assert await rig.frozen()
