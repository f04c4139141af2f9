"""Approvals in the staff rooms, under attack: only what is typed, decrypted, signed and another's counts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.approvals import ProposalKind
from banyan.domain.effects import Actor, Effect, EffectState
from banyan.services.approvals import Approvals
from banyan.services.decisions import InviteDecision, RoleDecision
from banyan.services.outbox import Never
from banyan.services.roles import Roles
from bots.client import Trust
from bots.commands import TABLE
from bots.dispatch import Hearing
from bots.interpreter import Interpreter
from bots.outgoing import Outgoing
from bots.proposals import Proposals
from tests.bots.fake_client import FakeClient
from tests.bots.stage import Person
from tests.fakes import room_id

OFFICERS = ("teal-otter", "calm-oar", "dry-fern")


CAST = (
    *(Person(name, "KH", ("security_officer",)) for name in OFFICERS),
    Person("red-reed", "TH", ("coordinator",)),
    Person("old-pine", "TH", ("vetting_officer",)),
    Person("grey-gull", "LA", ("focal_point",)),
    Person("amber-heron", "LA"),
)


@pytest.fixture
def beginning(with_cast):
    return with_cast(*CAST)


@pytest.fixture
def staff(stage):
    """Three officers, a coordinator, a vetting officer, a focal point, and a member whom it is about."""
    return stage


@pytest.fixture
def ask(staff, work, clock):
    """Ask for a role of amber-heron; the digits of the request."""

    async def ask(author="teal-otter", typed="role give amber-heron focal point"):
        await staff.say(author, typed)
        (said,) = await staff.say(author, "yes")
        assert "Somebody else has to stand behind it" in said
        clock.forward(minutes=1)
        async with work.reading() as tx:
            return (await tx.proposals.waiting())[-1].code

    return ask


@pytest.fixture
def given(staff):
    """Whether it has come to pass."""

    async def given(role="focal_point"):
        return role in (await staff.look("amber-heron")).placement.roles

    return given


async def test_two_officers_give_a_role(staff, ask, given, decisions):
    """One asks in their chat, one types the digits in the security room."""
    code = await ask()
    assert not await given()
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert said == f"Two of you stand behind {code}. It is being done now."
    assert await given()
    assert [(what, who) for what, who, _ in await decisions()][-3:] == [
        ("proposed", "security_officer:teal-otter"),
        ("approved", "security_officer:calm-oar"),
        ("role-granted", "two-persons"),
    ]


async def test_who_may_ask_but_is_not_in_the_room_counts_as_one(staff, ask, given):
    """The coordinator asks; one officer is enough. Taking goes the same way."""
    await staff.say("calm-oar", await ask("red-reed"), in_="security")
    assert await given()
    await staff.say("calm-oar", await ask("red-reed", "role take amber-heron focal point"), in_="security")
    assert not await given()


TYPED = ["{code}", "approve {code}", " ({code}). ", "\u200b{a}\u200b{rest}\u2060", "“{code}”"]
SCRIPTS = {"burmese": 0x1040, "khmer": 0x17E0, "lao": 0x0ED0, "thai": 0x0E50, "full width": 0xFF10}


@pytest.mark.parametrize("script", [None, *SCRIPTS])
@pytest.mark.parametrize("typed", TYPED)
async def test_digits_of_any_script_count(staff, ask, given, typed, script):
    """With invisible breaks and punctuation, as keyboards write them."""
    code = await ask()
    if script:
        code = "".join(chr(SCRIPTS[script] + int(digit)) for digit in code)
    await staff.say("calm-oar", typed.format(code=code, a=code[0], rest=code[1:]), in_="security")
    assert await given()


FORGED = {
    "plaintext": {"encrypted": False, "trust": Trust.UNKNOWN},
    "plaintext called signed": {"encrypted": False},
    "unknown device": {"trust": Trust.UNKNOWN, "device_id": None},
    "unsigned device": {"trust": Trust.UNSIGNED},
    "changed identity": {"trust": Trust.CHANGED},
    "no identity": {"known_since": None},
    "notice": {"content": {"msgtype": "m.notice", "body": "CODE"}},
    "emote": {"content": {"msgtype": "m.emote", "body": "CODE"}},
    "file name": {"content": {"msgtype": "m.file", "body": "CODE"}},
    "another event": {"type": "social.example.thing"},
    "sticker": {"type": "m.sticker"},
    "edit in clear": {"type": "m.room.message", "encrypted": False},
    "quoted": {"content": {"msgtype": "m.text", "body": "> <@calm-oar:banyan.test> CODE\n\nwhat is this?"}},
    "in HTML only": {"content": {"msgtype": "m.text", "body": "look", "formatted_body": "CODE"}},
    "no text": {"content": {"msgtype": "m.text", "body": ["CODE"]}},
    "another server": {"sender": "@calm-oar:elsewhere.test"},
    "the steward itself": {"sender": "@steward:banyan.test"},
    "a room of members": {"room_id": room_id("talk:KH")},
    "a chat": {"room_id": "!chat-calm-oar"},
    "a room nobody declared": {"room_id": "!elsewhere:banyan.test"},
}


@pytest.mark.parametrize("how", FORGED)
async def test_what_could_be_forged_does_not_count(staff, ask, given, how):
    """Each with the right digits, from somebody who may decide; afterwards the real thing counts."""
    code = await ask()
    changes = dict(FORGED[how])
    if "content" in changes:
        changes["content"] = {key: _with(value, code) for key, value in changes["content"].items()}
    await staff.hear(replace(staff.message("calm-oar", code, "security"), **changes), "security")
    assert not await given()
    await staff.say("calm-oar", code, in_="security")
    assert await given()


async def test_a_reaction_does_not_count(staff, ask, given):
    """A thumb on the request, in clear as reactions are, or even encrypted."""
    await ask()
    relation = {"rel_type": "m.annotation", "event_id": "$proposal", "key": "👍"}
    for encrypted in (False, True):
        thumb = staff.message("calm-oar", "", "security")
        content = {"m.relates_to": relation}
        thumb = replace(thumb, type="m.reaction", content=content, encrypted=encrypted)
        assert await staff.hear(thumb, "security") == []
    assert not await given()


async def test_the_author_does_not_count(staff, ask, given):
    """Nor from another device of theirs."""
    code = await ask()
    for device in ("PHONE", "LAPTOP"):
        (said,) = await staff.say("teal-otter", code, in_="security", device_id=device)
        assert said.startswith("You asked for this yourself")
    assert not await given()


async def test_one_person_at_two_devices_is_one_person(staff, given, work, hearing):
    """A request of nobody who decides: the same officer types from phone and laptop."""
    async with work() as tx:
        about = {"member_id": (await staff.look("amber-heron")).id, "role": "focal_point", "give": True}
        propose = hearing.services.approvals.propose
        code = (await propose(tx, ProposalKind.ROLE, about, author="sender:relay-1")).code
    hearing.clock.forward(minutes=1)
    (first,) = await staff.say("calm-oar", code, in_="security", device_id="PHONE")
    (second,) = await staff.say("calm-oar", code, in_="security", device_id="LAPTOP")
    (again,) = await staff.say("calm-oar", code, in_="security", device_id="PHONE")
    assert "One more person" in first
    assert second == again == "You are counted already. Somebody else has to write its number."
    assert not await given()
    await staff.say("dry-fern", code, in_="security")
    assert await given()


async def test_an_identity_first_seen_after_the_request_does_not_count(staff, ask, given, clock):
    """Who holds the server could have made it up on seeing the request."""
    code = await ask()
    for since in (clock.now() - timedelta(minutes=1), clock.now()):
        known = int(since.timestamp() * 1000)
        (said,) = await staff.say("calm-oar", code, in_="security", known_since=known)
        assert "shorter time" in said
    assert not await given()


@pytest.mark.parametrize("who", ["amber-heron", "grey-gull", "old-pine", "red-reed"])
async def test_who_was_slipped_into_the_room_is_nobody_there(staff, ask, given, who):
    """Members and holders of other roles, even of the permission, whom the homeserver shows in the room."""
    code = await ask()
    assert await staff.say(who, code, in_="security") == []
    assert await staff.say(who, f"refuse {code}", in_="security") == []
    assert await staff.say(who, "waiting", in_="security") == []
    assert not await given()


@pytest.mark.parametrize(("who", "room"), [("grey-gull", "focal-points"), ("old-pine", "vetting")])
async def test_another_role_decides_nothing_in_its_own_room(staff, ask, given, who, room):
    """They hear the same about digits that wait as about digits that do not."""
    code = await ask()
    (right,) = await staff.say(who, code, in_=room)
    (wrong,) = await staff.say(who, "9876", in_=room)
    assert right.replace(code, "9876") == wrong
    (refusing,) = await staff.say(who, f"refuse {code}", in_=room)
    assert refusing == right
    assert await staff.say(who, "waiting", in_=room) == ["No request waits."]
    assert not await given()
    await staff.say("calm-oar", code, in_="security")
    assert await given()


async def test_wrong_digits_do_nothing(staff, ask, given):
    """One digit off, too many, too few."""
    code = await ask()
    (said,) = await staff.say("calm-oar", str(int(code) + 1), in_="security")
    assert said.startswith("No request waits under")
    for typed in (code + "1", code[:3], f"{code} {code}", f"-{code}0", f"0{code}"):
        await staff.say("calm-oar", typed, in_="security")
    assert not await given()


async def test_after_a_refusal_it_is_over(staff, ask, given):
    """Nobody revives it."""
    code = await ask()
    assert await staff.say("dry-fern", f"refuse {code}", in_="security") == [
        f"Request {code} is ended. Nothing was done."
    ]
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert said.startswith("No request waits under")
    assert not await given()


async def test_after_its_time_it_is_over(staff, ask, given, clock):
    """Three days later, told and untold."""
    code = await ask()
    clock.forward(hours=72)
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert said.startswith("No request waits under")
    await staff.hearing.services.approvals.tend()
    await staff.say("calm-oar", code, in_="security")
    assert not await given()


async def test_the_same_event_again_is_counted_once(staff, ask, given, decisions):
    """Killed after the commit, the homeserver tells everything again; before it, nothing was counted."""
    code = await ask()
    message = staff.message("calm-oar", code, "security")
    assert len(await staff.hear(message, "security")) == 1
    before = await decisions()
    assert await staff.hear(message, "security") == []
    assert await decisions() == before
    assert await given()


async def test_killed_before_the_commit_nothing_is_counted(staff, ask, given, monkeypatch, decisions):
    """Whatever dies in the middle of carrying it out takes the approval along; the next one counts."""
    code = await ask()

    async def dies(*_args, **_named):
        raise asyncio.CancelledError

    message = staff.message("calm-oar", code, "security")
    with monkeypatch.context() as patched:
        patched.setattr(Roles, "give", dies)
        with pytest.raises(asyncio.CancelledError):
            await staff.hear(message, "security")
    assert "approved" not in [what for what, _, _ in await decisions()]
    await staff.hear(message, "security")
    assert await given()


async def test_two_at_the_same_time_do_it_once(staff, ask, given, decisions):
    """Both officers type in the same moment: one is the second person, for the other it is over."""
    code = await ask()
    both = [staff.message(name, code, "security") for name in ("calm-oar", "dry-fern")]
    await asyncio.gather(*(staff.hear(message, "security") for message in both))
    assert await given()
    happened = [what for what, _, _ in await decisions()]
    assert (happened.count("approved"), happened.count("role-granted")) == (1, len(OFFICERS) + 4)


async def test_it_survives_a_restart(staff, ask, given, work, clock, ids, network, accounts, members):
    """Everything is made anew over the same database, in the middle of the asker's yes and of the count."""
    await staff.say("teal-otter", "role give amber-heron focal point")

    def restarted():
        roles = Roles(network, accounts)
        made = {
            ProposalKind.INVITE: InviteDecision(members, network),
            ProposalKind.ROLE: RoleDecision(roles),
        }
        approvals = Approvals(work, clock, ids, network, made)
        services = replace(staff.hearing.services, approvals=approvals, roles=roles)
        staff.hearing = Hearing(work, clock, network, accounts, services, Interpreter(TABLE))

    restarted()
    assert "stand behind it" in (await staff.say("teal-otter", "1"))[0]
    restarted()
    clock.forward(minutes=1)
    async with work.reading() as tx:
        (proposal,) = await tx.proposals.waiting()
    await staff.say("calm-oar", proposal.code, in_="security")
    assert await given()


async def test_what_cannot_be_done_any_more_counts_nobody_and_says_why(staff, ask, given, work, roles):
    """The role was given in another way meanwhile; once it is gone again the same person counts."""
    code = await ask()
    async with work() as tx:
        await roles.give(tx, await tx.members.by_localpart("amber-heron"), "focal_point", by="operator")
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert said == "They have that role already."
    async with work() as tx:
        await roles.take(tx, await tx.members.by_localpart("amber-heron"), "focal_point", by="operator")
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert "It is being done now" in said
    assert await given()


async def test_nobody_is_one_of_two_for_their_own_role(staff, given, ask):
    """They can neither ask for it nor complete it, and nobody stops the taking of their own."""
    (said,) = await staff.say("red-reed", "role give red-reed security officer")
    assert "about yourself" in said
    code = await ask("teal-otter", "role take calm-oar security officer")
    for typed in (code, f"refuse {code}"):
        (said,) = await staff.say("calm-oar", typed, in_="security")
        assert "about yourself" in said
    await staff.say("dry-fern", code, in_="security")
    assert "security_officer" not in (await staff.look("calm-oar")).placement.roles


async def test_what_would_change_nothing_is_refused_at_once(staff):
    """Nobody is asked to decide about a role that somebody has, or has not."""
    await staff.say("teal-otter", "role give grey-gull focal point")
    assert await staff.say("teal-otter", "role take amber-heron focal point") == [
        "They do not have that role."
    ]
    async with staff.hearing.work.reading() as tx:
        assert await tx.proposals.waiting() == []


async def test_waiting_shows_the_digits_beside_the_whole_request_only(staff, ask):
    """Whole in its own room; elsewhere only that something waits, and to who asked the digits to end it."""
    code = await ask("red-reed")
    (whole,) = await staff.say("calm-oar", "waiting", in_="security")
    assert f"{code}: a role, asked for by red-reed (coordinator)" in whole
    assert "Give amber-heron the role “focal point”." in whole
    (elsewhere,) = await staff.say("calm-oar", "waiting", in_="vetting")
    assert code not in elsewhere
    assert "amber-heron" not in elsewhere
    assert "In another room: a role" in elsewhere
    (own,) = await staff.say("red-reed", "waiting", in_="focal-points")
    assert f"{code}: a role, asked for by you" in own
    assert "amber-heron" not in own
    (ended,) = await staff.say("red-reed", f"refuse {code}", in_="focal-points")
    assert "is ended" in ended


async def test_waiting_words_a_safety_message_for_the_asker(staff, work):
    """Short enough to read, in one language; another room learns only that one waits."""
    await staff.say("grey-gull", 'alert raid LA severe avoid 2h "Blue gate"')
    await staff.say("grey-gull", "1")
    (whole,) = await staff.say("calm-oar", "waiting", in_="security")
    assert "a safety message, asked for by grey-gull (focal point)" in whole
    assert "Send this safety message, for LA:" in whole
    assert "A home or an office was searched" in whole
    assert "Blue gate" in whole
    (own,) = await staff.say("grey-gull", "waiting", in_="focal-points")
    assert "a safety message, asked for by you" in own
    assert "Blue gate" not in own
    async with work.reading() as tx:
        (proposal,) = await tx.proposals.waiting()
    (said,) = await staff.say("grey-gull", proposal.code, in_="focal-points")
    assert said.startswith("You asked for this yourself")


async def test_the_steward_shows_reminds_and_ends_once(staff, ask, clock, effects):
    """Worded in the room's language, ringing while somebody has to act; nothing to remind of once decided."""
    code = await ask()
    approvals = staff.hearing.services.approvals
    for _ in range(2):
        clock.forward(hours=36)
        await approvals.tend()
        await approvals.tend()
    client = FakeClient("@steward:banyan.test")
    said = Proposals(Outgoing(client, clock), approvals, staff.hearing.work)
    for number, (kind, payload) in enumerate(await effects(Actor.STEWARD)):
        lane = payload["room_id"]
        effect = Effect(
            f"e{number}", number, Actor.STEWARD, kind, payload, lane, None, EffectState.QUEUED, clock.now()
        )
        if kind == "proposal_waits":
            with pytest.raises(Never, match="decided"):
                await said.handlers[kind](effect)
            continue
        await said.handlers[kind](effect)
    shown, over = [event["content"] for event in client.sent]
    assert "teal-otter (security officer) asks for something" in shown["body"]
    assert "Give amber-heron the role “focal point”." in shown["body"]
    assert f"write {code}." in shown["body"]
    assert "(UTC+07:00)" in shown["body"]  # in the zone of the network, not in the server's
    assert (shown["msgtype"], shown["m.mentions"]) == ("m.text", {"room": True})
    assert over["body"] == f"Request {code} has run out. Nothing was done."
    assert (over["msgtype"], over["m.mentions"]) == ("m.notice", {})


async def test_a_void_request_is_told_of_as_such(staff, ask, effects):
    """Colleagues read why nothing came of it, and what they can do."""
    code = await ask()
    await staff.say("calm-oar", "freeze teal-otter", in_="security")
    approvals = staff.hearing.services.approvals
    await approvals.tend()
    (payload,) = [payload for kind, payload in await effects(Actor.STEWARD) if kind == "proposal_over"]
    client, clock = FakeClient("@steward:banyan.test"), staff.hearing.clock
    effect = Effect(
        "e1", 1, Actor.STEWARD, "proposal_over", payload, "", None, EffectState.QUEUED, clock.now()
    )
    await Proposals(Outgoing(client, clock), approvals, staff.hearing.work).over(effect)
    (over,) = [event["content"]["body"] for event in client.sent]
    assert over.startswith(f"Request {code} is void")
    assert "teal-otter" not in over


def _with(value, code):
    swap = lambda text: text.replace("CODE", code)  # noqa: E731
    return [swap(each) for each in value] if isinstance(value, list) else swap(value)


async def test_colleagues_are_left_alone_by_words_that_approve(staff, ask):
    """“agree with you” is talk; “agree” alone is asked for digits once, and then they talk on."""
    code = await ask()
    assert await staff.say("calm-oar", "agree with you all", in_="security") == []
    assert len(await staff.say("calm-oar", "agree", in_="security")) == 1
    for talk in ("let us meet at five", "yes", "ok?"):
        assert await staff.say("calm-oar", talk, in_="security") == []
    (said,) = await staff.say("calm-oar", code, in_="security")
    assert "It is being done now" in said
