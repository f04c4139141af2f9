"""Growing: what is declared comes to be, once, whatever happens on the way."""

import itertools

import pytest

from banyan.domain.log import Action
from banyan.domain.rooms import LOCATOR, RoomKind
from homeserver.apply import KeeperAway, RemovalsNotAllowed
from homeserver.growing import Grower, NotSettled
from tests.homeserver.fake import Died, FakeBooks, FakeHomeserver
from tests.homeserver.networks import ACCOUNTS, mekong, rooms, small, without_theme


@pytest.fixture
def fake():
    return FakeHomeserver(ACCOUNTS)


@pytest.fixture
def books():
    return FakeBooks()


def grower(fake, books, network=None, **options) -> Grower:
    declared = rooms(network or small(), **options)
    return Grower(fake, ACCOUNTS, declared, books, books.record)


@pytest.fixture
async def grown(fake, books):
    """A small network that stands."""
    await grower(fake, books).grow()
    fake.writes.clear()
    books.recorded.clear()
    return fake


def assert_stands(fake, books, network=None) -> None:
    """Exactly the declared rooms, each once, set and seated as declared, known to the books, keeper gone."""
    wanted = {room.key: room for room in rooms(network or small())}
    assert {key: row.room_id for key, row in books.rows.items()}.keys() == wanted.keys()
    assert sorted(row.room_id for row in books.rows.values()) == sorted(fake.rooms)
    ids = {key: row.room_id for key, row in books.rows.items()}
    for key, room in wanted.items():
        there = fake.rooms[ids[key]]
        for event in room.state(ids[room.parent] if room.parent else None):
            assert there.state[event.type, event.state_key] == event.content
        assert there.joined == set(room.seats)
        assert ACCOUNTS.keeper not in there.joined
        if room.parent:
            assert fake.rooms[ids[room.parent]].state["m.space.child", ids[key]] == room.link


async def test_the_declared_rooms_come_to_be(fake, books):
    """The example network: 41 rooms, 9 of them spaces, every one as declared; each is recorded once."""
    report = await grower(fake, books, mekong()).grow()
    assert_stands(fake, books, mekong())
    assert (report.created, report.changed, report.removed) == (41, 0, 0)
    assert sum(room.content("m.room.create").get("type") == "m.space" for room in fake.rooms.values()) == 9
    assert [each.action for each in books.recorded] == [Action.ROOM_CREATED] * 41


async def test_no_account_with_a_device_sits_where_members_talk(fake, books):
    """Conversations hold the warden only; the other bots sit where the table of rooms puts them."""
    await grower(fake, books, mekong()).grow()
    seats = {
        RoomKind.TALK: set(),
        RoomKind.THEME: set(),
        RoomKind.SPACE: set(),
        RoomKind.GUIDE: {ACCOUNTS.desk},
        RoomKind.ALERT: {ACCOUNTS.alarm},
        RoomKind.STAFF: {ACCOUNTS.steward},
    }
    for row in books.rows.values():
        assert fake.rooms[row.room_id].joined == {ACCOUNTS.warden} | seats[row.kind]


async def test_a_second_run_writes_nothing(fake, books):
    """Nothing to change: 0 writes, nothing recorded; not even the keeper is needed."""
    await grower(fake, books, mekong()).grow()
    fake.writes.clear()
    books.recorded.clear()
    fake.keeper_is_here = False
    report = await grower(fake, books, mekong()).grow()
    assert (fake.writes, books.recorded, report.steps) == ([], [], 0)


async def test_four_requests_at_a_time(fake, books):
    """Rooms grow side by side, never more than four."""
    await grower(fake, books, mekong()).grow()
    assert fake.most_at_once == 4


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-effect", "after-effect"])
async def test_killed_at_any_write_and_run_again(after_effect):
    """Dead at the k-th write, whether it took effect or not, for every k: the next run completes it."""
    for k in itertools.count():
        fake, books = FakeHomeserver(ACCOUNTS), FakeBooks()
        fake.dies_at, fake.dies_after_effect = k, after_effect
        try:
            await grower(fake, books).grow()
        except Died:
            fake.dies_at = None
            await grower(fake, books).grow()
            assert_stands(fake, books)
        else:
            break
    assert k == 28


async def test_killed_at_any_record_and_run_again():
    """Dead while a room is being written down: the next run finds it by its mark and writes it down."""
    for k in range(7):
        fake, books = FakeHomeserver(ACCOUNTS), FakeBooks()
        books.dies_at = k
        with pytest.raises(Died):
            await grower(fake, books).grow()
        books.dies_at = None
        await grower(fake, books).grow()
        assert_stands(fake, books)
        created = [each.key for each in books.recorded if each.action is Action.ROOM_CREATED]
        assert sorted(created) == sorted(books.rows)


async def test_killed_at_every_write_in_turn(fake, books):
    """A process that dies after each single write still gets there."""
    fake.dies_after_effect = True
    for _ in range(200):
        fake.dies_at = len(fake.writes)
        try:
            await grower(fake, books).grow()
        except Died:
            continue
        break
    assert_stands(fake, books)


async def test_a_room_the_homeserver_finishes_late_is_not_there_twice(fake, books):
    """A killed run had asked for a room; it appears when the next run has already made it: one remains."""
    await grower(fake, books).grow()
    late = fake.rooms.pop(books.rows.pop("space:KH").room_id)
    late.created += 1000
    fake.put_member(late, ACCOUNTS.keeper)
    fake.put_member(late, ACCOUNTS.warden, "invite")
    fake.finishes_later = [late]
    await grower(fake, books).grow()
    assert late not in fake.rooms.values()
    assert [room.content("m.room.name")["name"] for room in fake.rooms.values()].count("Juniper") == 1


async def test_of_two_alike_the_one_in_our_books_stays(grown, books):
    """Even if the other holds more people: members were let into the one we know."""
    real = grown.named("Basalt")
    twin = grown.rooms[grown.add_room(ACCOUNTS.keeper, warden="join", alarm="join", steward="join")]
    twin.state[LOCATOR, ""] = real.content(LOCATOR)
    await grower(grown, books).grow()
    assert_stands(grown, books)
    assert real in grown.rooms.values()


async def test_a_half_made_room_is_deleted(grown, books):
    """A room of the keeper's without a mark is left over from an interrupted run."""
    leftover = grown.add_room(ACCOUNTS.keeper)
    report = await grower(grown, books).grow()
    assert leftover not in grown.rooms
    assert (report.removed, grown.writes) == (1, ["delete"])


async def test_a_leftover_with_people_in_it_needs_permission(grown, books):
    """Somebody is in it: then deleting it takes a room from people."""
    grown.add_room(ACCOUNTS.keeper, someone="join")
    with pytest.raises(RemovalsNotAllowed, match="1 person"):
        await grower(grown, books).grow()
    assert grown.writes == []


async def test_rooms_made_while_the_network_runs_are_left_alone(grown, books):
    """Cases, sessions and gatherings are the warden's; growing neither changes nor removes them."""
    copied = grown.named("Basalt").content(LOCATOR)
    room = grown.rooms[grown.add_room(ACCOUNTS.warden, someone="join")]
    room.state[LOCATOR, ""] = copied
    assert not await grower(grown, books).plan()


def raise_reactions(room):
    room.levels["events"]["m.reaction"] = 75


def lower_history(room):
    room.state["m.room.history_visibility", ""] = {"history_visibility": "shared"}


def open_the_door(room):
    room.state["m.room.join_rules", ""] = {"join_rule": "public"}


def let_guests_in(room):
    del room.state["m.room.guest_access", ""]


@pytest.mark.parametrize("drift", [raise_reactions, lower_history, open_the_door, let_guests_in])
async def test_drift_is_mended_by_the_warden(grown, books, drift):
    """Whatever state differs is set again, recorded, and needs no keeper."""
    drift(grown.named("Juniper shade"))
    grown.keeper_is_here = False
    report = await grower(grown, books).grow()
    assert_stands(grown, books)
    assert (report.changed, len(grown.writes)) == (1, 1)
    assert [(each.action, each.key) for each in books.recorded] == [(Action.ROOM_CHANGED, "talk:KH")]


async def test_an_account_of_ours_that_left_comes_back(grown, books):
    """The alarm must be in its room before it is needed."""
    grown.put_member(grown.named("Juniper rain"), ACCOUNTS.alarm, "leave")
    await grower(grown, books).grow()
    assert_stands(grown, books)
    assert grown.writes == ["invite", "join"]


async def test_a_bot_where_members_talk_is_put_out(grown, books):
    """An account that owns a device would get the keys of the conversation."""
    grown.put_member(grown.named("Juniper shade"), ACCOUNTS.steward)
    report = await grower(grown, books).grow()
    assert_stands(grown, books)
    assert (report.changed, books.recorded[0].what) == (1, ("unseat",))


async def test_a_room_cut_from_its_space_is_hung_there_again(grown, books):
    """Otherwise nobody finds it."""
    room_id = grown.id_of(grown.named("Juniper shade"))
    grown.named("Juniper").state["m.space.child", room_id] = {}
    await grower(grown, books).grow()
    assert_stands(grown, books)


async def test_a_room_that_lost_its_mark_is_known_by_the_books(grown, books):
    """The mark comes back, and no second room is made."""
    grown.named("Juniper shade").state[LOCATOR, ""] = {}
    await grower(grown, books).grow()
    assert_stands(grown, books)


async def test_lost_books_are_written_again(grown, books):
    """An older backup of our database: every room is found by its mark."""
    books.rows.clear()
    await grower(grown, books).grow()
    assert_stands(grown, books)
    assert grown.writes == []


async def test_somebody_at_the_wardens_level_is_lowered_by_the_keeper(grown, books):
    """The warden cannot lower its equal; the creator is asked in, does it, and leaves."""
    room = grown.named("Juniper shade")
    room.levels["users"]["@intruder:banyan.test"] = 100
    await grower(grown, books).grow()
    assert_stands(grown, books)
    assert grown.writes == ["invite", "join", "m.room.power_levels", "leave"]


async def test_levels_of_role_holders_are_kept(grown, books):
    """A focal point's level is declared, so it is set and not taken for drift."""
    powers = {"talk:KH": {ACCOUNTS.member("amber-heron"): 50}}
    await grower(grown, books, powers=powers).grow()
    assert grown.writes == ["m.room.power_levels"]
    assert not await grower(grown, books, powers=powers).plan()
    assert grown.named("Juniper shade").levels["users"][ACCOUNTS.member("amber-heron")] == 50


async def test_taking_a_room_away_needs_permission(grown, books):
    """Without it: nothing is touched and the message lists what would be lost."""
    grown.put_member(grown.named("Basalt"), ACCOUNTS.member("amber-heron"))
    with pytest.raises(RemovalsNotAllowed, match=r"theme:climate: no longer declared, 1 person") as caught:
        await grower(grown, books, without_theme(small())).grow()
    assert "amber" not in str(caught.value)
    assert caught.value.exit_status == 2
    assert grown.writes == []


async def test_a_room_taken_away_is_gone_everywhere(grown, books):
    """Allowed: deleted, struck from the books, recorded; the next run has nothing to do."""
    await grower(grown, books, without_theme(small())).grow(allow_removals=True)
    assert_stands(grown, books, without_theme(small()))
    assert [(each.action, each.key) for each in books.recorded] == [(Action.ROOM_ARCHIVED, "theme:climate")]


async def test_a_room_taken_from_a_space_that_stays_is_unlinked(grown, books):
    """A space must not name a room that is gone."""
    gone = grown.id_of(grown.named("Kestrel"))
    network = small().model_copy(update={"staff": {}})
    await grower(grown, books, network).grow(allow_removals=True)
    assert grown.named("Granary").state["m.space.child", gone] == {}
    assert_stands(grown, books, network)


async def test_a_room_gone_behind_our_back_is_struck_from_the_books(grown, books):
    """Not declared and not there: only the books remember it."""
    grown.rooms.pop(books.rows["theme:climate"].room_id)
    await grower(grown, books, without_theme(small())).grow()
    assert (grown.writes, "theme:climate" in books.rows) == ([], False)


async def test_a_room_we_were_put_out_of_is_not_replaced_silently(grown, books):
    """People may still be in it, without anybody who guards it: making another needs permission."""
    grown.put_member(grown.named("Juniper shade"), ACCOUNTS.warden, "leave")
    with pytest.raises(RemovalsNotAllowed, match="which we are no longer in"):
        await grower(grown, books).grow()
    assert grown.writes == []


async def test_no_room_is_made_without_the_keeper(fake, books):
    """Its token is offline: said before anything is touched."""
    fake.keeper_is_here = False
    with pytest.raises(KeeperAway, match=r"keeper\.token"):
        await grower(fake, books).grow()
    assert fake.writes == []


async def test_a_space_made_anew_takes_its_rooms_back(grown, books):
    """The rooms under a lost space open to the new one and hang there."""
    grown.rooms.pop(books.rows["space:KH"].room_id)
    await grower(grown, books).grow(allow_removals=True)
    space = books.rows["space:KH"].room_id
    talk = grown.named("Juniper shade")
    assert talk.content("m.room.join_rules")["allow"] == [{"type": "m.room_membership", "room_id": space}]
    assert grown.named("Juniper").state["m.space.child", grown.id_of(talk)]
    assert not await grower(grown, books).plan()


async def test_rooms_that_never_settle_are_told(grown, books):
    """Somebody sets them back each time: said after three rounds, instead of going on for ever."""
    talk = grown.named("Juniper shade")

    async def set_back(*_):
        lower_history(talk)

    lower_history(talk)
    grown.put_state = set_back
    with pytest.raises(NotSettled, match="three rounds"):
        await grower(grown, books).grow()


async def test_progress_is_told(fake, books):
    """Every step is announced, in order, up to the total."""

    class Watch:
        def __init__(self):
            self.total, self.steps = 0, []

        def started(self, total):
            self.total = total

        def step(self, done, label):
            self.steps.append(done)

    watch = Watch()
    await Grower(fake, ACCOUNTS, rooms(small()), books, books.record, watch).grow()
    assert watch.steps == list(range(1, watch.total + 1))
