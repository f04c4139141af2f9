"""Rules of the homeserver and of our own accounts."""

from dataclasses import replace

import pytest

from banyan.domain.sight import SeenAccount, SeenDevice, SeenPusher, SeenService, SeenToken
from policies.facts import Place
from policies.rules import services
from tests.policies.worlds import (
    FIRST,
    NOW,
    OURS,
    PARTNER,
    PRIVATE,
    days,
    device,
    example,
    found,
    judged,
    limited,
    sound,
    with_ours,
    with_server,
)

WORLD = sound()
SERVER = WORLD.server
EVIL = "elsewhere.example"
MEMBER = OURS.member(FIRST)
TALK_ID = "!talk:KH"
TOKEN = SERVER.tokens[0]


def setting(key, running):
    each = tuple(replace(each, running=running) if each.key == key else each for each in SERVER.settings)
    return with_server(WORLD, settings=each)


def account(localpart, **changes):
    added = SeenAccount(OURS.member(localpart), **changes)
    return with_server(WORLD, accounts=(*SERVER.accounts, added))


def member(**changes):
    changed = (replace(each, **changes) if each.user_id == MEMBER else each for each in SERVER.accounts)
    return with_server(WORLD, accounts=tuple(changed))


def token(world=WORLD, **changes):
    return with_server(world, tokens=(replace(TOKEN, **changes),))


def tokens(number, limit=2):
    each = tuple(SeenToken(f"{digest:064}", 1, 0, NOW + days(1)) for digest in range(number))
    world = sound(limited(invitations_open=limit))
    return with_server(world, tokens=each, known_tokens=frozenset(each.digest for each in each))


def service(**changes):
    first, *others = SERVER.services
    return with_server(WORLD, services=(replace(first, **changes), *others))


def ours_too(wanted):
    """The service is the same in our books: only what it covers can be wrong."""
    changed = replace(SERVER.services[0], users=wanted)
    return with_server(
        WORLD,
        services=(changed, *SERVER.services[1:]),
        known_services={**SERVER.known_services, changed.id: changed},
    )


def pusher(host="matrix.org", ids_only=True):
    return with_server(WORLD, pushers=(SeenPusher(MEMBER, host, ids_only),))


WARDEN_NAME = "banyan-warden"
FOREIGN = SeenService("irc", "http://irc", [("^@irc_[a-z]+:home\\.example$", True)])
CASES = {
    "registration opened": (
        "server-setting",
        setting("registration_requires_token", False),
        "registration_requires_token",
    ),
    "a setting absent": ("server-setting", setting("push.include_content", None), "push.include_content"),
    "0 for false": ("server-setting", setting("url_preview_enabled", 0), "url_preview_enabled"),
    "another amount": ("server-limit", setting("max_upload_size", "21M"), "max_upload_size"),
    "nobody's account": ("account-unknown", account("mallory"), "mallory"),
    "a locked account": ("account-unknown", account("mallory", locked=True), "mallory"),
    "a member administers": ("server-admin", member(admin=True), FIRST),
    "one key to act as another": ("server-puppets", with_server(WORLD, puppet_tokens=1), "puppets"),
    "unknown token": ("token-unknown", token(digest="b" * 64), "bbbbbbbb"),
    "endless token": ("token-endless", token(expires=None), "aaaaaaaa"),
    "token for two": ("token-many-uses", token(uses_allowed=2), "aaaaaaaa"),
    "token for all": ("token-many-uses", token(uses_allowed=None, uses=7), "aaaaaaaa"),
    "too many tokens": ("tokens-open", tokens(3), "tokens"),
    "a bridge": ("service-unknown", with_server(WORLD, services=(*SERVER.services, FOREIGN)), "irc"),
    "our service gone": ("service-changed", with_server(WORLD, services=SERVER.services[1:]), WARDEN_NAME),
    "another address": ("service-changed", service(url="http://evil"), WARDEN_NAME),
    "rooms of its own": ("service-changed", service(rooms=("!.*",)), WARDEN_NAME),
    "not exclusive": ("service-shared", ours_too([("^@warden:home\\.example$", False)]), WARDEN_NAME),
    "covers members": ("service-covers", ours_too([("@.*:home\\.example", True)]), WARDEN_NAME),
    "covers one member": ("service-covers", ours_too([(f"^@{FIRST}:", True)]), WARDEN_NAME),
    "covers the keeper": ("service-covers", ours_too([("@keeper", True)]), WARDEN_NAME),
    "no expression": ("service-covers", ours_too([("@(", True)]), WARDEN_NAME),
    "takes for ever": ("service-covers", ours_too([("@((a+)+)+(b*)*$", True)]), WARDEN_NAME),
    "unknown gateway": ("pusher-gateway", pusher("push.example"), "push.example"),
    "nearly a known gateway": ("pusher-gateway", pusher("evil-matrix.org"), "evil-matrix.org"),
    "by e-mail": ("pusher-gateway", pusher(""), "e-mail"),
    "more than ids": ("pusher-content", pusher(ids_only=False), FIRST),
    "speaks with all": ("federation-open", with_server(WORLD, whitelist=None), "federation"),
    "speaks with a stranger": (
        "federation-stranger",
        with_server(WORLD, whitelist=frozenset({PARTNER, EVIL})),
        EVIL,
    ),
    "not with the partner": ("federation-missing", with_server(WORLD, whitelist=frozenset()), PARTNER),
    "alarm gone": ("account-away", with_ours(WORLD, "alarm", account=None), "alarm"),
    "warden locked": ("account-away", with_ours(WORLD, "warden", locked=True), "warden"),
    "desk deactivated": ("account-away", with_ours(WORLD, "desk", deactivated=True), "desk"),
    "registrar without power": ("account-powerless", with_ours(WORLD, "registrar", admin=False), "registrar"),
    "warden with a device": ("account-device", with_ours(WORLD, "warden", devices=(device(),)), "warden"),
    "desk with two": (
        "account-device",
        with_ours(
            WORLD, "desk", devices=(SeenDevice("OURS", signed=True), SeenDevice("THEIRS", encrypts=False))
        ),
        "desk",
    ),
    "desk with none": ("account-device-unsigned", with_ours(WORLD, "desk", devices=()), "desk"),
    "desk unsigned": (
        "account-device-unsigned",
        with_ours(WORLD, "desk", devices=(SeenDevice("OURS"),)),
        "desk",
    ),
    "desk without keys": (
        "account-device-unsigned",
        with_ours(WORLD, "desk", devices=(SeenDevice("OURS", signed=True, encrypts=False),)),
        "desk",
    ),
    "registrar gone": ("account-away", with_ours(WORLD, "registrar", account=None), "registrar"),
    "another identity": ("account-identity", with_ours(WORLD, "warden", master_key="another"), "warden"),
    "alarm in a chat of others": (
        "account-astray",
        with_ours(WORLD, "alarm", rooms=frozenset({"!strange"})),
        "alarm",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_drift_of_the_server_is_found_once_and_as_what_it_is(case):
    """The rule finds it, under a name that a waiver could use; no other rule cries."""
    rule, world, subject = CASES[case]
    assert found(world) == {(rule, subject)}


HARMLESS = {
    "a deactivated account": account("mallory", deactivated=True),
    "an administrator who is gone": member(admin=True, deactivated=True),
    "a token that ended": token(digest="b" * 64, expires=NOW),
    "a token that is used up": token(digest="b" * 64, uses=1),
    "as many tokens as may be": tokens(2),
    "no invitation at all": with_server(WORLD, tokens=()),
    "the other gateway": pusher("push.element.io"),
    "no partner, an empty list": sound(example(joint={})),
    "our own name on the list": with_server(WORLD, whitelist=frozenset({PARTNER, OURS.server_name})),
    "the keeper's session": with_ours(WORLD, "keeper", devices=(SeenDevice("X", encrypts=False),)),
    "a device whose store was lost": with_ours(
        WORLD,
        "alarm",
        devices=(SeenDevice("OURS", signed=True), SeenDevice("LOST", signed=True)),
        retired=frozenset({"LOST"}),
    ),
    "no first identity to compare with": with_ours(
        with_ours(WORLD, "keeper", master_key=None), "registrar", master_key=None
    ),
    "the desk in a chat": with_ours(WORLD, "desk", rooms=frozenset({"!chat", PRIVATE, "!new"})),
    "namespaces in another order": with_server(
        WORLD,
        services=tuple(replace(each, users=tuple(reversed(each.users))) for each in SERVER.services),
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_no_drift_is_not_found(case):
    """People are not called for nothing."""
    assert found(HARMLESS[case]) == set()


def test_a_thief_who_signed_their_own_device_covers_nothing_up():
    """Ours is unsigned now and theirs is signed: both are told."""
    devices = (SeenDevice("OURS"), SeenDevice("THEIRS", signed=True))
    told = found(with_ours(WORLD, "desk", devices=devices))
    assert told == {("account-device", "desk"), ("account-device-unsigned", "desk")}


def test_a_room_where_an_account_does_not_belong_is_told_once():
    """Of a declared room, or of a chat, by the room; of any other, by the account."""
    nowhere = replace(WORLD.rooms[0], room_id="!strange", place=Place.STRAY, declared=None, members={})
    world = replace(WORLD, rooms=(*WORLD.rooms, nowhere))
    for inside in (TALK_ID, PRIVATE):
        assert not found(with_ours(WORLD, "alarm", rooms=frozenset({inside})))
    told = judged(with_ours(world, "alarm", rooms=frozenset({"!strange", TALK_ID}))).findings
    [values] = [each.values for each in told if each.rule == "account-astray"]
    assert values["rooms"] == "!strange"


def test_every_hardening_key_is_asked_for():
    """Whichever of them differs in the running server, the finding names it."""
    wrong = tuple(replace(each, running="?") for each in SERVER.settings)
    told = {subject for rule, subject in found(with_server(WORLD, settings=wrong))}
    assert told == {each.key for each in SERVER.settings}


def test_a_pattern_that_takes_for_ever_is_not_tried():
    """It counts as covering everybody: an audit that hangs would hide it."""
    assert services._covers("@(([a-z]+)+)+([a-z]*)*!", f"@{'a' * 200}:home.example")
    assert services._covers("@" + "a?" * 300, "@b")
    assert not services._covers("^@warden:home\\.example$", "@warden:home.example.evil")


def test_without_facts_about_the_server_the_rest_is_still_judged():
    """A fake eye in a test, or one that could not read the configuration, hides no room."""
    assert found(replace(WORLD, server=None)) == set()
