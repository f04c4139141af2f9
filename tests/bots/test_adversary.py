"""The interpreter in bad hands: roles lost on the way, menus of yesterday, other people's ears."""

import pytest

from banyan.domain.effects import Actor
from banyan.services.freezing import Freezing
from bots.commands import TABLE

OFFICER = "security_officer"


@pytest.fixture
def lose(work, roles):
    """Take a role from somebody."""

    async def lose(name, role=OFFICER):
        async with work() as tx:
            await roles.take(tx, await tx.members.by_localpart(name), role, by="operator")

    return lose


HALF = [
    ["freeze"],
    ["role give", "amber-heron"],
    ["role give amber-heron core_team"],
    ["invite KH"],
    ["invite KH climate"],
    ["alert", "5"],
    ["alert raid LA severe avoid 2h", "0"],
    ["careful LA"],
    ['gathering Tea "tomorrow 19:00" LA 10'],
]


@pytest.mark.parametrize("place", [None, "security"])
@pytest.mark.parametrize("begun", HALF, ids=lambda begun: begun[0])
async def test_what_was_begun_with_a_role_is_not_finished_without(stage, lose, decisions, begun, place):
    """The last yes, or the last answer, comes after the role is gone: nothing is done."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("amber-heron", "LA")
    for typed in begun:
        await stage.say("teal-otter", typed, in_=place)
    await lose("teal-otter")
    before = await decisions()
    answers = await stage.say("teal-otter", "amber-heron", in_=place)
    assert answers == [] if place else answers[0].startswith("Sorry, I did not understand that.")
    for typed in ("1", "yes", "1", "yes"):
        await stage.say("teal-otter", typed, in_=place)
    assert await decisions() == before


async def test_a_yes_after_the_role_is_gone_announces_nothing(stage, lose, effects):
    """Where neither people nor places are chosen, only the role itself stands in the way."""
    await stage.member("teal-otter", "KH", "focal_point")
    await stage.say("teal-otter", "room announce Bring water.")
    await lose("teal-otter", "focal_point")
    (said,) = await stage.say("teal-otter", "yes")
    assert said.startswith("Sorry, I did not understand that.")
    assert "announce" not in [kind for kind, _ in await effects(Actor.DESK)]


async def test_a_menu_of_a_time_when_they_might_begins_nothing(stage, lose):
    """The numbers were chosen with a role; the number is typed without it."""
    await stage.member("teal-otter", "KH", OFFICER)
    (menu,) = await stage.say("teal-otter", "help")
    number = {line.split(". ")[1]: line.split(". ")[0] for line in menu.splitlines() if ". " in line[:4]}
    for label in ("Let a new member in", "End all access of a member, at once", "Announce a gathering"):
        await stage.say("teal-otter", "help")
        await lose("teal-otter")
        (said,) = await stage.say("teal-otter", number[label])
        assert said.startswith("That is not for you to do.")
        async with stage.hearing.work() as tx:
            await stage.roles.give(tx, await tx.members.by_localpart("teal-otter"), OFFICER, by="operator")


async def test_numbers_mean_what_they_meant_when_they_were_shown(stage, work, ids):
    """A list that changed in between does not shift an answer to somebody or something else."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.say("teal-otter", 'gathering First "tomorrow 10:00" KH 10')
    await stage.say("teal-otter", "1")
    await stage.member("amber-heron", "KH")
    (shown,) = await stage.say("amber-heron", "gatherings")
    assert "1. First" in shown
    await stage.say("teal-otter", 'gathering Earlier "tomorrow 09:00" KH 10')
    await stage.say("teal-otter", "1")
    await stage.say("amber-heron", "1")
    await stage.say("amber-heron", "1")
    async with work.reading() as tx:
        member = await tx.members.by_localpart("amber-heron")
        answered = {
            each.title: member.id in await tx.gatherings.rsvps(each.id)
            for each in await tx.gatherings.upcoming(stage.hearing.clock.now())
        }
    assert answered == {"First": True, "Earlier": False}


async def test_a_frozen_member_is_heard_no_more(stage, work, clock, network, accounts, decisions):
    """In the middle of a question, in the chat and in the staff room."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("amber-heron", "LA")
    await stage.say("teal-otter", "freeze")
    await stage.say("teal-otter", "freeze", in_="security")
    async with work() as tx:
        member = await tx.members.by_localpart("teal-otter")
        await Freezing(clock, network, accounts).freeze(tx, member, by="x")
    before = await decisions()
    for place in (None, "security"):
        for typed in ("amber-heron", "help", "freeze amber-heron"):
            assert await stage.say("teal-otter", typed, in_=place) == []
    assert await decisions() == before


async def test_one_persons_question_is_not_anothers_to_answer(stage, decisions):
    """Two in one staff room: a yes belongs to who was asked."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("calm-oar", "KH", OFFICER)
    await stage.member("amber-heron", "LA")
    await stage.say("teal-otter", "role give amber-heron core_team", in_="security")
    before = await decisions()
    assert await stage.say("calm-oar", "yes", in_="security") == []
    assert await stage.say("calm-oar", "1", in_="security") == []
    assert await stage.say("teal-otter", "yes") != []  # in the chat it answers nothing
    assert await decisions() == before
    await stage.say("teal-otter", "yes", in_="security")
    assert await decisions() != before


ELSEWHERE = [
    "room invite {talk} {who}",
    "room remove {talk} {who}",
    "room members talk:LA",
    "room members Larch shade",
    'gathering Tea "tomorrow 19:00" LA 10',
    "careful LA",
    "alert raid LA severe avoid 2h x",
]


@pytest.mark.parametrize("typed", ELSEWHERE)
async def test_what_is_elsewhere_and_what_is_nowhere_sound_the_same(stage, typed):
    """A focal point cannot find out by asking who or what exists in another country."""
    await stage.member("teal-otter", "KH", "focal_point")
    await stage.member("amber-heron", "LA")
    real = {"who": "amber-heron", "talk": "talk:KH"}
    none = {"who": "no-body", "talk": "talk:KH"}
    heard = []
    for names in (real, none):
        asked = typed.format(**names)
        for away, known in (("LA", "XX"), ("Larch", "Xanch")):
            asked = asked.replace(away, known) if names is none else asked
        heard.append(await stage.say("teal-otter", asked))
        heard[-1] += await stage.say("teal-otter", names["who"])
        await stage.say("teal-otter", "stop")
    assert heard[0] == heard[1]
    assert "Larch" not in str(heard)


@pytest.mark.parametrize("each", [each for each in TABLE.commands if each.needs], ids=lambda each: each.name)
async def test_a_member_hears_the_same_of_every_command_of_staff(stage, decisions, each):
    """In their chat one sentence, with or without arguments; nothing is asked, nothing begins."""
    await stage.member("amber-heron", "KH")
    await stage.member("calm-oar", "KH")
    before = await decisions()
    for typed in (each.name, f"{each.name} calm-oar", f"{each.name} KH"):
        (said,) = await stage.say("amber-heron", typed)
        assert said.startswith("That is not for you to do.")
        (menu,) = await stage.say("amber-heron", "calm-oar")
        assert "did not understand" in menu
    assert await decisions() == before


async def test_what_is_done_in_staff_rooms_only_is_said_so(stage):
    """Not “write it in your own chat” to somebody who does."""
    await stage.member("amber-heron", "KH")
    for typed in ("waiting", "approve 1234", "refuse 1234"):
        assert await stage.say("amber-heron", typed) == ["I do that in the staff rooms only."]


async def test_a_private_answer_never_falls_back_to_the_room(stage, work):
    """Whose chat does not exist yet hears nothing of it among colleagues, and nothing is done."""
    await stage.member("teal-otter", "KH", "focal_point")
    await stage.member("amber-heron", "KH")
    async with work() as tx:
        await tx.members.set_chat((await stage.look("teal-otter")).id, None)
    (said,) = await stage.say("teal-otter", "room members talk:KH", in_="focal-points")
    assert "amber-heron" not in said
    assert "your own chat" in said


async def test_four_digits_answer_a_question_unless_they_stand_in_a_request(stage, work):
    """A time or a number is no approval; digits that wait always are."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("calm-oar", "KH", OFFICER)
    await stage.member("amber-heron", "LA")
    await stage.say("teal-otter", "gathering", in_="security")
    (said,) = await stage.say("teal-otter", "2027", in_="security")
    assert "When does it begin" in said
    await stage.say("calm-oar", "role give amber-heron core_team")
    await stage.say("calm-oar", "yes")
    stage.hearing.clock.forward(minutes=1)
    async with work.reading() as tx:
        (proposal,) = await tx.proposals.waiting()
    (said,) = await stage.say("teal-otter", proposal.code, in_="security")
    assert "It is being done now" in said


async def test_a_question_in_one_room_is_not_answered_in_another(stage, decisions):
    """A preview read in the security room is confirmed there."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("amber-heron", "LA")
    await stage.say("teal-otter", "role give amber-heron core_team", in_="security")
    before = await decisions()
    assert await stage.say("teal-otter", "yes", in_="vetting") == []
    assert await decisions() == before
