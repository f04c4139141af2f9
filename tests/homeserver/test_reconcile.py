"""What differs in rooms, as `apply` sees it: people who lose a room, state that nobody declared."""

from dataclasses import replace

import pytest

from banyan.domain.rooms import RoomKey
from homeserver.apply import RemovalsNotAllowed
from homeserver.growing import Grower
from homeserver.reconcile import People
from tests.homeserver.fake import FakeBooks, FakeHomeserver
from tests.homeserver.networks import ACCOUNTS, rooms, small

TALK = RoomKey("talk:KH")
ANA, BOT = "@ana:banyan.test", "@mallory:banyan.test"


class Rig:
    def __init__(self):
        self.fake, self.books = FakeHomeserver(ACCOUNTS), FakeBooks()

    def grower(self, people=None):
        return Grower(self.fake, ACCOUNTS, rooms(small()), self.books, self.books.record, people=people)

    @property
    def talk(self):
        return self.fake.rooms[self.books.rows[TALK].room_id]


@pytest.fixture
async def rig():
    rig = Rig()
    await rig.grower().grow()
    rig.fake.writes.clear()
    return rig


def expecting(*expected, losing=()):
    return {TALK: People(frozenset(expected), frozenset(losing))}


async def test_who_loses_a_room_by_a_changed_file_is_a_removal(rig):
    """Named and refused without a touch; then put out. Who stays, stays."""
    for who in (ANA, BOT):
        rig.fake.put_member(rig.talk, who)
    grower = rig.grower(expecting(BOT, losing=[ANA, BOT]))
    assert [str(change) for change in (await grower.plan()).removals] == [f"{ANA} goes out"]
    with pytest.raises(RemovalsNotAllowed, match=ANA):
        await grower.grow()
    assert rig.fake.writes == []
    await grower.grow(allow_removals=True)
    assert (rig.talk.membership(ANA), rig.talk.membership(BOT)) == ("leave", "join")
    assert not await grower.plan()


async def test_a_stranger_loses_nothing(rig):
    """Somebody the server put in goes out without being asked for; a ban and a leave are left alone."""
    rig.fake.put_member(rig.talk, BOT, "invite")
    rig.fake.put_member(rig.talk, ANA, "ban")
    grower = rig.grower(expecting(losing=[ANA]))
    plan = await grower.plan()
    assert (plan.counts, plan.removals) == ({"expel": 1}, ())
    await grower.grow()
    assert (rig.talk.membership(ANA), rig.talk.membership(BOT)) == ("ban", "leave")


async def test_nobody_is_judged_where_nobody_is_known(rig):
    """A plan that was not told who belongs where takes nobody out."""
    rig.fake.put_member(rig.talk, BOT)
    assert not await rig.grower().plan()


async def test_state_that_nobody_declared_is_emptied_once(rig):
    """A topic, a widget and a ban list go; the second run writes nothing."""
    rig.talk.state["m.room.topic", ""] = {"topic": "meet at the bridge"}
    rig.talk.state["im.vector.modular.widgets", "w"] = {"url": "https://a.test"}
    rig.talk.state["m.policy.rule.user", "rule"] = {"entity": "@bad:a.b"}
    plan = await rig.grower().plan()
    assert plan.render().splitlines()[1] == (
        "  ~ talk:KH              im.vector.modular.widgets (emptied); m.policy.rule.user (emptied); "
        "m.room.topic (emptied)"
    )
    await rig.grower().grow()
    assert rig.talk.state["m.room.topic", ""] == {"topic": ""}
    assert rig.talk.state["im.vector.modular.widgets", "w"] == {}
    assert rig.talk.state["m.policy.rule.user", "rule"] == {}
    rig.fake.writes.clear()
    await rig.grower().grow()
    assert rig.fake.writes == []


async def test_a_frozen_room_is_no_difference_in_the_books(rig):
    """What is written down of a room is not written down anew because it is frozen."""
    rig.books.rows[TALK] = replace(rig.books.rows[TALK], frozen=True)
    assert not await rig.grower().plan()
