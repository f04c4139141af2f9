"""Rules of rooms: each drift is found, as what it is and as nothing else."""

from dataclasses import replace

import pytest

from policies.facts import Place
from policies.rooms import HELPER, WARDEN, power_levels
from policies.rules import encryption
from tests.policies.worlds import (
    ALERT,
    CHAT,
    FIRST,
    GUEST,
    GUIDE,
    JOINT,
    OURS,
    PARTNER,
    PRIVATE,
    SPACE,
    TALK,
    found,
    judged,
    limited,
    room,
    sound,
    with_member,
    with_person,
    with_room,
    with_server,
    with_state,
)

WORLD = sound()
STRANGER = OURS.member("brisk-oar")
MEMBER, FOCAL = OURS.member(FIRST), OURS.member("calm-kite")
FOREIGN = "@eve:elsewhere.example"


def state(kind, content, key=TALK, state_key=""):
    return with_state(WORLD, key, kind, content, state_key)


def levels(key=TALK, **changes):
    content = room(WORLD, key).content("m.room.power_levels")
    return with_state(WORLD, key, "m.room.power_levels", {**content, **changes})


def users(key=TALK, **held):
    content = room(WORLD, key).content("m.room.power_levels")
    return levels(key, users={**content["users"], **held})


def event(**needed):
    content = room(WORLD, TALK).content("m.room.power_levels")
    return levels(events={**content["events"], **needed})


def stray(*people, **changes):
    """A room that nobody declared, otherwise like a private chat, with those people in it."""
    facts = replace(
        room(WORLD, PRIVATE),
        room_id="!stray",
        place=Place.STRAY,
        state=changed(PRIVATE, HISTORY, {"history_visibility": "joined"}),
        members=dict.fromkeys(people, "join"),
        expected=frozenset(),
    )
    return replace(WORLD, rooms=(*WORLD.rooms, replace(facts, **changes)))


def member_of(*rooms):
    """The first member, in those rooms by the facts about people."""
    return {"rooms": frozenset(rooms)}


def changed(key, kind, content):
    """State of a room with one event changed, its history closed."""
    closed = with_state(WORLD, key, HISTORY, {"history_visibility": "joined"})
    return room(with_state(closed, key, kind, content), key).state


def without_space():
    """The space of a conversation is not there: until it is made again, people come in by invitation."""
    world = with_state(with_room(WORLD, TALK, parent_id=None), TALK, JOIN, {"join_rule": "invite"})
    return with_state(world, TALK, PARENT, None, "!space:KH")


ENCRYPTION, HISTORY, GUESTS = "m.room.encryption", "m.room.history_visibility", "m.room.guest_access"
JOIN, CREATE, RETENTION = "m.room.join_rules", "m.room.create", "m.room.retention"
SPACE_OF_TH = [{"type": "m.room_membership", "room_id": "!space:TH"}]
CHILD, PARENT, LINK = "m.space.child", "m.space.parent", {"via": ["home.example"]}
SPACE_CREATION = {"m.federate": False, "type": "m.space"}
DAY = 24 * 3600 * 1000

CASES = {
    "not there": ("room-missing", replace(WORLD, missing=(room(WORLD, TALK).declared,)), TALK),
    "encryption absent": ("room-unencrypted", state(ENCRYPTION, None), TALK),
    "another algorithm": ("room-unencrypted", state(ENCRYPTION, {"algorithm": "m.rot13"}), TALK),
    "keys that last": (
        "room-unencrypted",
        state(ENCRYPTION, {"algorithm": encryption.ALGORITHM, "rotation_period_msgs": 10**9}),
        TALK,
    ),
    "private chat in clear": ("room-unencrypted", state(ENCRYPTION, None, PRIVATE), PRIVATE),
    "chat in clear": ("room-unencrypted", state(ENCRYPTION, None, CHAT), CHAT),
    "history absent": ("room-history", state(HISTORY, None), TALK),
    "history shared": ("room-history", state(HISTORY, {"history_visibility": "shared"}), TALK),
    "history invited": ("room-history", state(HISTORY, {"history_visibility": "invited"}), TALK),
    "history of a space": (
        "room-history",
        state(HISTORY, {"history_visibility": "world_readable"}, SPACE),
        SPACE,
    ),
    "history of a private chat": (
        "room-history",
        state(HISTORY, {"history_visibility": "shared"}, PRIVATE),
        PRIVATE,
    ),
    "join rule absent": ("room-join-rule", state(JOIN, None), TALK),
    "join rule public": ("room-join-rule", state(JOIN, {"join_rule": "public"}), TALK),
    "join rule knock": ("room-join-rule", state(JOIN, {"join_rule": "knock"}, SPACE), SPACE),
    "another space": (
        "room-join-rule",
        state(JOIN, {"join_rule": "restricted", "allow": SPACE_OF_TH}),
        TALK,
    ),
    "two spaces": (
        "room-join-rule",
        state(
            JOIN,
            {
                "join_rule": "restricted",
                "allow": [{"type": "m.room_membership", "room_id": "!space:KH"}, *SPACE_OF_TH],
            },
        ),
        TALK,
    ),
    "guests absent": ("room-guests", state(GUESTS, None), TALK),
    "guests let in": ("room-guests", state(GUESTS, {"guest_access": "can_join"}, CHAT), CHAT),
    "invited by address": (
        "room-invited-by-address",
        state("m.room.third_party_invite", {"display_name": "m…"}, state_key="token"),
        TALK,
    ),
    "listed": ("room-listed", with_room(WORLD, TALK, listed=True), TALK),
    "federates": ("room-federates", state(CREATE, {"m.federate": True}), TALK),
    "federation not said": ("room-federates", state(CREATE, {}), TALK),
    "joint room stays home": ("room-federates", state(CREATE, {"m.federate": False}, JOINT), JOINT),
    "private chat federates": ("room-federates", state(CREATE, {}, PRIVATE), PRIVATE),
    "old version": ("room-version", with_room(WORLD, TALK, version="11"), TALK),
    "made by a member": ("room-creator", with_room(WORLD, TALK, creator=MEMBER), TALK),
    "made by two": (
        "room-creator",
        state(CREATE, {"m.federate": False, "additional_creators": [MEMBER]}),
        TALK,
    ),
    "a room that is a space": ("room-type", state(CREATE, {"m.federate": False, "type": "m.space"}), TALK),
    "a space that is none": ("room-type", state(CREATE, {"m.federate": False}, SPACE), SPACE),
    "a person above 50": ("power-person", users(**{FOCAL: HELPER + 1}), TALK),
    "a person at 100": ("power-person", users(**{MEMBER: WARDEN}), TALK),
    "a person at 1000": ("power-person", users(**{MEMBER: 1000}), TALK),
    "a level that cannot be read": ("power-person", users(**{MEMBER: "100"}), TALK),
    "a partner with a little": ("power-foreign", users(JOINT, **{GUEST: 1}), JOINT),
    "a partner with all": ("power-foreign", users(JOINT, **{GUEST: WARDEN}), JOINT),
    "a stranger's level in a country": ("power-foreign", users(**{FOREIGN: HELPER}), TALK),
    "everybody above 50": ("power-everybody", levels(users_default=HELPER + 1), TALK),
    "a bot at 100": ("power-shared", users(ALERT, **{OURS.alarm: WARDEN}), ALERT),
    "anybody invites": ("power-open", levels(invite=0), TALK),
    "state at 99": ("power-open", levels(state_default=WARDEN - 1), TALK),
    "levels absent": ("power-open", state("m.room.power_levels", None), TALK, "power-levels"),
    "levels empty": ("power-open", state("m.room.power_levels", {}), TALK, "power-levels"),
    "one setting at 99": ("power-open", event(**{"m.room.name": WARDEN - 1}), TALK),
    "a new setting for all": ("power-levels", event(**{"m.widget": 0}), TALK),
    "everybody at 50": ("power-levels", levels(users_default=HELPER), TALK),
    "events that are no mapping": ("power-levels", levels(events=[]), TALK),
    "a member writes alerts": ("power-levels", levels(ALERT, events_default=0), ALERT),
    "a member at 50": ("power-levels", users(**{MEMBER: HELPER}), TALK),
    "a bot without its level": ("power-levels", levels(ALERT, users={OURS.warden: WARDEN}), ALERT),
    "true for 1": ("power-levels", levels(notifications={"room": True}), TALK),
    "a focal point without": ("power-levels", levels(users={OURS.warden: WARDEN}), TALK),
    "name absent": ("room-name", state("m.room.name", None), TALK),
    "another name": ("room-name", state("m.room.name", {"name": "Juniper"}), TALK),
    "a telling name": ("room-name-telling", state("m.room.name", {"name": "Mekong"}), TALK, "room-name"),
    "a telling chat": ("room-name-telling", state("m.room.name", {"name": "x protests"}, PRIVATE), PRIVATE),
    "a telling topic": (
        "room-name-telling",
        state("m.room.topic", {"topic": "ព្រះរាជាណាចក្រកម្ពុជា Thai"}),
        TALK,
        "room-extra-state",
    ),
    "address": ("room-address", state("m.room.canonical_alias", {"alias": "#a:home.example"}), TALK),
    "topic": ("room-extra-state", state("m.room.topic", {"topic": "dull"}), TALK),
    "picture": ("room-extra-state", state("m.room.avatar", {"url": "mxc://x/y"}), TALK),
    "pin": ("room-extra-state", state("m.room.pinned_events", {"pinned": ["$e"]}), TALK),
    "widget": (
        "room-extra-state",
        state("im.vector.modular.widgets", {"url": "https://x"}, state_key="w"),
        TALK,
    ),
    "list of servers": ("room-extra-state", state("m.room.server_acl", {"deny": ["*"]}), TALK),
    "topic of a joint room": ("room-extra-state", state("m.room.topic", {"topic": "dull"}, JOINT), JOINT),
    "a second list of servers": (
        "room-extra-state",
        state("m.room.server_acl", {"deny": ["*"]}, JOINT, "x"),
        JOINT,
    ),
    "a second address": (
        "room-extra-state",
        state("m.room.canonical_alias", {"alias": "#a:home.example"}, state_key="x"),
        TALK,
    ),
    "a second name": ("room-extra-state", state("m.room.name", {"name": "x"}, state_key="x"), TALK),
    "joint room closed to the partner": (
        "room-servers",
        state("m.room.server_acl", {"allow": ["home.example"], "deny": []}, JOINT),
        JOINT,
    ),
    "joint room open to all": ("room-servers", state("m.room.server_acl", None, JOINT), JOINT),
    "tombstone": ("room-replaced", state("m.room.tombstone", {"replacement_room": "!x"}), TALK),
    "child gone": ("space-child", state(CHILD, None, SPACE, "!talk:KH"), SPACE),
    "child emptied": ("space-child", state(CHILD, {}, SPACE, "!talk:KH"), SPACE),
    "child elsewhere": ("space-child", state(CHILD, {"via": ["x"]}, SPACE, "!talk:KH"), SPACE),
    "strange child": ("space-child", state(CHILD, LINK, SPACE, "!strange"), SPACE),
    "room with a child": ("space-child", state(CHILD, LINK, TALK, "!strange"), TALK),
    "parent gone": ("space-parent", state(PARENT, None, state_key="!space:KH"), TALK),
    "another parent": ("space-parent", state(PARENT, LINK, state_key="!space:TH"), TALK),
    "locator gone": ("room-locator", state("social.banyan.locator", None), TALK),
    "locator of another type": ("room-locator", state("social.banyan.locator", {"id": 7}), TALK),
    "locator that says nothing": ("room-locator", state("social.banyan.locator", {"id": ""}), TALK),
    "retention absent": ("room-retention", state(RETENTION, None), TALK),
    "kept longer": ("room-retention", state(RETENTION, {"max_lifetime": 30 * DAY + 1}), TALK),
    "kept shorter": ("room-retention", state(RETENTION, {"max_lifetime": 30 * DAY - 1}), TALK),
    "kept at least": (
        "room-retention",
        state(RETENTION, {"max_lifetime": 30 * DAY, "min_lifetime": 1}),
        TALK,
    ),
    "stranger": ("room-stranger", with_member(WORLD, TALK, STRANGER), TALK),
    "stranger asked in": ("room-stranger", with_member(WORLD, TALK, STRANGER, "invite"), TALK),
    "stranger of a partner": ("room-stranger", with_member(WORLD, JOINT, f"@other:{PARTNER}"), JOINT),
    "person of another server": ("room-foreign", with_member(WORLD, TALK, FOREIGN), TALK),
    "partner in a country": ("room-foreign", with_member(WORLD, ALERT, GUEST, "invite"), ALERT),
    "bot where members talk": ("room-bot", with_member(WORLD, TALK, OURS.desk), TALK),
    "keeper still there": ("room-bot", with_member(WORLD, TALK, OURS.keeper), TALK),
    "warden gone": ("room-unguarded", with_member(WORLD, TALK, OURS.warden, None), TALK),
    "warden only asked in": ("room-unguarded", with_member(WORLD, TALK, OURS.warden, "invite"), TALK),
    "alarm gone": ("room-seat-empty", with_member(WORLD, ALERT, OURS.alarm, None), ALERT),
    "desk only asked in": ("room-seat-empty", with_member(WORLD, GUIDE, OURS.desk, "invite"), GUIDE),
    "member gone": ("room-absent", with_member(WORLD, TALK, MEMBER, None), TALK),
    "member banned": ("room-absent", with_member(WORLD, TALK, MEMBER, "ban"), TALK),
    "frozen": (
        "room-frozen",
        with_state(
            with_room(WORLD, TALK, frozen=True),
            TALK,
            "m.room.power_levels",
            power_levels(room(WORLD, TALK).declared.kind, OURS, frozen=True),
        ),
        TALK,
    ),
    "stray": ("room-stray", stray(MEMBER), "!stray"),
    "stray with a foreigner": ("room-stray", stray(MEMBER, FOREIGN), "!stray", "room-foreign"),
    "stray and public": (
        "room-stray",
        stray(MEMBER, state=changed(PRIVATE, JOIN, {"join_rule": "public"})),
        "!stray",
        "room-join-rule",
    ),
    "left over from an older file": (
        "room-stray",
        stray(
            MEMBER,
            state=changed(PRIVATE, JOIN, {"join_rule": "restricted", "allow": SPACE_OF_TH}),
            version="11",
            creator=OURS.keeper,
        ),
        "!stray",
    ),
    "an old space": (
        "room-stray",
        stray(MEMBER, state={**changed(PRIVATE, CREATE, SPACE_CREATION), (ENCRYPTION, ""): {}}),
        "!stray",
    ),
    "third in a chat": ("chat-crowded", with_member(WORLD, PRIVATE, FOCAL), PRIVATE, "room-stranger"),
    "two who share nothing": ("chat-apart", with_person(WORLD, **member_of("talk:TH")), PRIVATE),
    "others may be asked in": (
        "chat-open",
        state("m.room.power_levels", {"users": {}, "invite": WARDEN - 1}, CHAT),
        CHAT,
    ),
    "private chats are off": ("chat-forbidden", sound(limited(private_chats="none")), PRIVATE),
    "too many": ("room-size", sound(limited(conversation_size=2)), TALK),
}


@pytest.mark.parametrize("case", CASES)
def test_each_drift_of_a_room_is_found_once_and_as_what_it_is(case):
    """The rule finds it, about that room; no other rule cries but those that are written beside it."""
    rule, world, subject, *others = CASES[case]
    assert found(world) == {(each, subject) for each in (rule, *others)}


HARMLESS = {
    "an invitation by address taken back": state("m.room.third_party_invite", {}, state_key="token"),
    "a room whose space is not there": without_space(),
    "a private chat with one who shares nothing": with_person(
        with_member(WORLD, PRIVATE, OURS.member("kind-lark"), None), rooms=frozenset()
    ),
    "topic of a private chat": state("m.room.topic", {"topic": "dull"}, PRIVATE),
    "a private chat that moved": state("m.room.tombstone", {"replacement_room": "!x"}, PRIVATE),
    "an empty topic": state("m.room.topic", {"topic": ""}),
    "nothing pinned": state("m.room.pinned_events", {"pinned": []}),
    "an address taken back": state("m.room.canonical_alias", {"alt_aliases": []}),
    "an emptied child": state(CHILD, {}, SPACE, "!strange"),
    "somebody who left": with_member(WORLD, TALK, STRANGER, "leave"),
    "somebody banned": with_member(WORLD, TALK, FOREIGN, "ban"),
    "a private chat whose keys change sooner": state(
        ENCRYPTION, {"algorithm": encryption.ALGORITHM, "rotation_period_msgs": 10}, PRIVATE
    ),
    "a private chat that one has left": with_member(WORLD, PRIVATE, MEMBER, None),
    "a stray room that all have left": stray(),
    "a guest who has not come": with_member(WORLD, JOINT, GUEST, None),
    "an encrypted space": state(ENCRYPTION, {"algorithm": encryption.ALGORITHM}, SPACE),
    "private chats off, one left": with_member(sound(limited(private_chats="none")), PRIVATE, MEMBER, None),
    "as many as may talk": sound(limited(conversation_size=3)),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_no_drift_is_not_found(case):
    """People are not called for nothing."""
    assert found(HARMLESS[case]) == set()


def test_all_that_differs_in_power_is_said_shortly():
    """Three keys and how many more; people by their pseudonyms."""
    content = room(WORLD, TALK).content("m.room.power_levels")
    changed = {**content, "users": {**content["users"], MEMBER: 50}, "redact": 0, "x": 1, "events_default": 1}
    [finding] = judged(with_state(WORLD, TALK, "m.room.power_levels", changed)).findings
    assert finding.values["keys"] == f"events_default, redact, users/{FIRST} +1"


@pytest.mark.parametrize(("part", "keys"), [("users", "users"), ("events", "events")])
def test_what_is_no_mapping_is_told_as_a_whole(part, keys):
    """There are no keys in it to name."""
    [finding] = judged(levels(**{part: 7})).findings
    assert finding.values["keys"] == keys


def test_a_space_says_how_many_rooms_it_lacks_and_has_too_many():
    """One lost and two strange ones, beside two that are right."""
    world = with_state(WORLD, SPACE, CHILD, None, "!talk:KH")
    world = with_state(with_state(world, SPACE, CHILD, LINK, "!a"), SPACE, CHILD, LINK, "!b")
    [finding] = judged(world).findings
    assert finding.values == {"rooms": 1, "extra": 2}


def test_a_person_of_another_server_is_told_by_their_server():
    """Findings hold pseudonyms and servers, and nobody's user id."""
    [finding] = judged(with_member(WORLD, TALK, FOREIGN)).findings
    assert finding.values == {"server": "elsewhere.example", "count": 1}


def test_a_partner_that_is_cut_off_is_on_no_list():
    """The joint room's list follows what is spoken with; while it still names them it is wrong."""
    cut = with_server(WORLD, partners=frozenset(), whitelist=frozenset())
    assert found(cut) == {("room-servers", JOINT)}
    without = {"allow": ["home.example"], "deny": []}
    assert found(with_state(cut, JOINT, "m.room.server_acl", without)) == set()
