"""Whom we share keys with: only those our own books put into a room."""

import pytest

from banyan.services.roster import Roster
from tests.fakes import room_id


@pytest.fixture
def roster(work, accounts, network):
    return Roster(work, accounts, network)


async def admitted(members, country, **more):
    invited = await members.invite(country, **more)
    await members.register(invited.token, "a long enough passphrase", "en")
    return invited.user_id


async def test_members_are_where_their_placement_says(roster, members, rooms):
    """In the alert room of their country, in no other."""
    here = await admitted(members, "KH")
    assert await roster.allowed(room_id("alert:KH")) == {here}
    assert await roster.allowed(room_id("alert:LA")) == frozenset()


async def test_who_is_only_invited_is_nowhere(roster, members, rooms):
    """A name that nobody has taken yet gets no key, whoever the homeserver says has joined."""
    await members.invite("KH")
    assert await roster.allowed(room_id("alert:KH")) == frozenset()


async def test_a_room_we_do_not_know_has_nobody(roster, members, rooms):
    """Fail safe: no key for a room that is not in our books."""
    await admitted(members, "KH")
    assert await roster.allowed("!unknown") == frozenset()


async def test_it_is_read_again_when_somebody_moved(roster, members, rooms):
    """Kept until `forget`: an alarm to thirty rooms reads the books once."""
    first = await admitted(members, "KH")
    assert await roster.allowed(room_id("alert:KH")) == {first}
    second = await admitted(members, "KH")
    assert await roster.allowed(room_id("alert:KH")) == {first}
    roster.forget()
    assert await roster.allowed(room_id("alert:KH")) == {first, second}


async def test_a_move_while_reading_is_not_missed(roster, members, rooms, monkeypatch):
    """What was read before somebody moved is not kept as if it were new."""
    first = await admitted(members, "KH")
    read, arrived = roster._read, []

    async def slowly():
        found = await read()
        if not arrived:
            arrived.append(await admitted(members, "KH"))
            roster.forget()
        return found

    monkeypatch.setattr(roster, "_read", slowly)
    assert await roster.allowed(room_id("alert:KH")) == {first, *arrived}
