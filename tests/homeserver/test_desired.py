"""What every declared room must say, and what it must never say."""

import json
import math

import pytest

from banyan.domain.rooms import LOCATOR, RoomKind
from banyan.network import LANGUAGES, load_network
from banyan.network.vocabulary import country_names
from banyan.settings import DEFAULT_NETWORK
from tests.homeserver.networks import ACCOUNTS, mark, mekong, rooms

SPACE_ID = "!space"


@pytest.fixture(scope="module")
def by_key():
    return {room.key: room for room in rooms(mekong())}


def content(room, kind):
    return next(
        event.content for event in room.state(SPACE_ID if room.parent else None) if event.type == kind
    )


def may(room, user_id, kind):
    """Whether the room's levels let somebody send an event of this type."""
    levels = content(room, "m.room.power_levels")
    return levels["users"].get(user_id, levels["users_default"]) >= levels["events"].get(
        kind, levels["events_default"]
    )


def test_every_room_but_spaces_is_encrypted(by_key):
    """32 of the example's 41 rooms; a space holds no messages."""
    encrypted = [
        key for key, room in by_key.items() if any(e.type == "m.room.encryption" for e in room.fixed)
    ]
    assert len(by_key) == 41
    assert len(encrypted) == 32
    assert not [key for key in encrypted if by_key[key].declared.kind is RoomKind.SPACE]


def test_every_room_is_closed_from_its_first_moment(by_key):
    """Version 12, private, no federation, no guests, no past for newcomers, all in the creating request."""
    for room in by_key.values():
        body = room.creation(SPACE_ID)
        state = {event["type"]: event["content"] for event in body["initial_state"]}
        assert (body["room_version"], body["visibility"], body["preset"]) == ("12", "private", "private_chat")
        assert body["creation_content"]["m.federate"] is False
        assert state["m.room.history_visibility"] == {"history_visibility": "joined"}
        assert state["m.room.guest_access"] == {"guest_access": "forbidden"}
        assert state["m.room.join_rules"]["join_rule"] in {"invite", "restricted"}
        assert "m.room.power_levels" in state
        assert "power_level_content_override" not in body


@pytest.mark.parametrize("name", ["mekong", "asia"])
def test_nothing_the_server_sees_says_what_a_room_is_for(name):
    """No country, theme, role, room key or word of the list in anything that is sent (T12)."""
    network = load_network(DEFAULT_NETWORK.parent / f"{name}.yaml")
    telling = {*network.words, *network.themes, *network.roles, network.name.casefold()}
    telling |= {part for key in network.staff for part in key.split("-")} - {"points", "team", "core"}
    telling |= {country.casefold() for code in network.countries for country in country_names(code)}
    for room in rooms(network):
        sent = json.dumps([room.creation(SPACE_ID), room.link], ensure_ascii=False).casefold()
        # our accounts have names of their own; they are the same in every network
        for account in ACCOUNTS.all:
            sent = sent.replace(account, "")
        assert room.key.casefold() not in sent
        assert not [word for word in telling if word in sent]


def test_only_members_of_the_same_area_can_open_its_rooms(by_key):
    """Restricted to the area's own space; spaces, themes and staff rooms need an invitation."""
    for room in by_key.values():
        rule = content(room, "m.room.join_rules")
        if room.declared.kind in {RoomKind.TALK, RoomKind.GUIDE, RoomKind.ALERT}:
            allow = [{"type": "m.room_membership", "room_id": SPACE_ID}]
            assert rule == {"join_rule": "restricted", "allow": allow}
            assert room.parent == f"space:{room.declared.area}"
        else:
            assert rule == {"join_rule": "invite"}


def test_power_is_the_wardens_alone(by_key):
    """Inviting, removing and all state need 100; only the warden has it; nobody else has more than 50."""
    for room in by_key.values():
        levels = content(room, "m.room.power_levels")
        assert {levels[key] for key in ("invite", "kick", "ban", "state_default")} == {100}
        assert levels["users"][ACCOUNTS.warden] == 100
        assert all(level <= 50 for user, level in levels["users"].items() if user != ACCOUNTS.warden)
        assert ACCOUNTS.keeper not in levels["users"]
        assert levels["events"]["m.room.tombstone"] == 150
        state_types = {event.type for event in room.state(SPACE_ID)}
        assert all(levels["events"].get(kind, levels["state_default"]) >= 100 for kind in state_types)


@pytest.mark.parametrize(
    ("key", "member_may", "redact", "speaker"),
    [
        ("talk:KH", (True, True), 50, None),
        ("theme:climate", (True, True), 50, None),
        ("staff:vetting", (True, True), 50, ACCOUNTS.steward),
        ("guide:MM-1", (False, True), 100, ACCOUNTS.desk),
        ("alert:MM-1", (False, False), 100, ACCOUNTS.alarm),
        ("space:KH", (False, False), 100, None),
    ],
)
def test_who_may_write_what(by_key, key, member_may, redact, speaker):
    """The table of rooms: in an encrypted room `m.room.encrypted` is the type that counts."""
    room, member = by_key[key], "@amber-heron:banyan.test"
    writes, reacts = member_may
    assert may(room, member, "m.room.encrypted") == may(room, member, "m.room.message") == writes
    assert may(room, member, "m.reaction") == may(room, member, "m.room.redaction") == reacts
    assert content(room, "m.room.power_levels")["redact"] == redact
    speakers = [user for user in ACCOUNTS.speakers if user in room.seats]
    assert speakers == ([speaker] if speaker else [])
    assert all(may(room, user, "m.room.encrypted") for user in speakers)


def test_nobody_is_given_more_than_fifty():
    """Whatever a caller asks for, a human holds at most 50."""
    (talk,) = [
        room
        for room in rooms(mekong(), powers={"talk:KH": {"@amber-heron:banyan.test": math.inf}})
        if room.key == "talk:KH"
    ]
    assert content(talk, "m.room.power_levels")["users"]["@amber-heron:banyan.test"] == 50


def test_a_mark_is_of_one_room(by_key):
    """Distinct, and made by the locator."""
    marks = [content(room, LOCATOR)["id"] for room in by_key.values()]
    assert marks == [mark(key) for key in by_key]
    assert len(set(marks)) == len(marks)


def test_a_room_speaks_the_language_of_its_area(by_key):
    """The first language of the file; `regional` for what spans all."""
    assert by_key["alert:MM-2"].room("!x").language == "my"
    assert (by_key["theme:climate"].room("!x").language, by_key["theme:climate"].room("!x").area) == (
        "en",
        "regional",
    )
    assert {room.declared.language for room in by_key.values()} <= set(LANGUAGES)


def test_messages_are_kept_as_long_as_the_file_says(by_key):
    """Days of the network file, in milliseconds."""
    assert content(by_key["talk:KH"], "m.room.retention") == {"max_lifetime": 30 * 86_400_000}
    assert content(by_key["alert:KH"], "m.room.retention") == {"max_lifetime": 90 * 86_400_000}
