"""Letting somebody in by chat: two persons, one link, in the chat of who asked."""

import pytest

from banyan.domain.effects import Actor
from banyan.domain.people import MemberStatus
from banyan.errors import TokenSpent

CHAT = "!chat-teal-otter"


@pytest.fixture
async def staff(stage):
    """Two who may let people in, and a coordinator who may not."""
    await stage.member("teal-otter", "KH", "vetting_officer")
    await stage.member("calm-oar", "TH", "security_officer")
    await stage.member("red-reed", "TH", "coordinator")
    return stage


@pytest.fixture
def ask(staff, work, clock):
    """Ask to let somebody in; the digits of the request."""

    async def ask(typed, *, in_=None, author="teal-otter"):
        await staff.say(author, typed, in_=in_)
        (said,) = await staff.say(author, "1", in_=in_)
        assert "vetting room" in said
        clock.forward(minutes=1)
        async with work.reading() as tx:
            return (await tx.proposals.waiting())[-1].code

    return ask


@pytest.fixture
def handed(effects):
    """Invitations on their way to somebody's chat."""

    async def handed():
        return [payload for kind, payload in await effects(Actor.DESK) if kind == "invitation"]

    return handed


@pytest.fixture
def invited(members):
    """Pseudonyms that somebody may come in under: area, themes, language."""

    async def invited():
        found = await members.list(MemberStatus.INVITED)
        return [(each.placement.area, sorted(each.placement.themes), each.language) for each in found]

    return invited


@pytest.mark.parametrize("in_", [None, "vetting"])
async def test_the_link_comes_to_who_asked_when_two_stand_behind_it(staff, ask, handed, invited, in_):
    """Into their own chat, wherever they asked and whoever completed it."""
    code = await ask("invite KH justice, climate", in_=in_)
    assert await invited() == []
    (said,) = await staff.say("calm-oar", code, in_="vetting")
    assert "It is being done now" in said
    assert await invited() == [("KH", ["climate", "justice"], "km")]
    (invitation,) = await handed()
    assert (invitation["room_id"], invitation["zone"]) == (CHAT, "Asia/Phnom_Penh")
    assert "token" not in str(await staff.effects(Actor.STEWARD))


@pytest.mark.parametrize(
    ("answers", "placed"),
    [
        (["invite", "1", "0"], ("KH", [], "km")),
        (["invite", "៤", "១, ៣"], ("MM-1", ["climate", "defenders"], "my")),
        (["invite MM-2", "climate"], ("MM-2", ["climate"], "my")),
        (["let in cn", "0"], ("CN-1", [], "zh-Hans")),
    ],
)
async def test_it_asks_for_what_is_missing(staff, ask, invited, answers, placed):
    """Numbers of any script, one country or one cell; the language is the area's."""
    for typed in answers[:-1]:
        await staff.say("teal-otter", typed)
    await staff.say("calm-oar", await ask(answers[-1]), in_="vetting")
    assert await invited() == [placed]


@pytest.mark.parametrize("wrong", ["regional", "everywhere", "US", "99", "KH-1"])
async def test_a_place_that_is_none_is_asked_for_again(staff, wrong):
    """Nobody lives everywhere."""
    await staff.say("teal-otter", "invite")
    (said,) = await staff.say("teal-otter", wrong)
    assert "one of the numbers" in said


async def test_a_full_country_is_refused_at_once(staff, members, network):
    """Before anybody is asked to decide."""
    for _ in range(network.area("MM-1").size):
        await members.invite("MM-1")
    await staff.say("teal-otter", "invite MM-1")
    (said,) = await staff.say("teal-otter", "0")
    assert said.startswith("There is no place left in MM-1.")


async def test_a_country_that_filled_up_meanwhile_counts_nobody(staff, ask, members, network, decisions):
    """The second person hears why; the request waits."""
    await staff.say("teal-otter", "invite MM-1")
    code = await ask("0")
    for _ in range(network.area("MM-1").size):
        await members.invite("MM-1")
    (said,) = await staff.say("calm-oar", code, in_="vetting")
    assert said.startswith("There is no place left in MM-1.")
    assert "approved" not in [what for what, _, _ in await decisions()]
    (waiting,) = await staff.say("calm-oar", "waiting", in_="vetting")
    assert code in waiting


async def test_no_link_reaches_who_may_not_let_people_in_any_more(staff, ask, handed, work, roles):
    """Two others stand behind it, but who asked has lost the role meanwhile."""
    await staff.member("dry-fern", "KH", "security_officer")
    code = await ask("invite KH climate")
    async with work() as tx:
        await roles.take(tx, await tx.members.by_localpart("teal-otter"), "vetting_officer", by="operator")
    (first,) = await staff.say("calm-oar", code, in_="vetting")
    assert "One more person" in first
    (said,) = await staff.say("dry-fern", code, in_="vetting")
    assert said.startswith("Who asked for this may not let anybody in any more.")
    assert await handed() == []


async def test_no_link_reaches_a_seized_phone(staff, ask, handed, invited):
    """What a frozen officer asked for cannot be carried out, by whomever."""
    await staff.member("dry-fern", "KH", "security_officer")
    code = await ask("invite KH climate")
    await staff.say("calm-oar", "freeze teal-otter", in_="security")
    for name in ("calm-oar", "dry-fern"):
        (said,) = await staff.say(name, code, in_="vetting")
        assert said.startswith("No request waits")
    assert (await handed(), await invited()) == ([], [])


async def test_a_link_told_on_a_seized_phone_is_void(staff, ask, handed, invited, members):
    """Two stood behind it; then its author is frozen, and is nobody's way in any more."""
    await staff.say("calm-oar", await ask("invite KH climate"), in_="vetting")
    (link,) = await handed()
    await members.look(link["token"])
    await staff.say("calm-oar", "freeze teal-otter", in_="security")
    with pytest.raises(TokenSpent):
        await members.look(link["token"])
    assert await invited() == []


async def test_a_sentence_among_colleagues_is_no_invitation(staff):
    """Nobody is interrupted."""
    assert await staff.say("teal-otter", "invite your friends to dinner", in_="vetting") == []


async def test_who_may_not_is_told_so_and_nothing_begins(staff):
    """In their chat with a sentence, in a room with silence."""
    (said,) = await staff.say("red-reed", "invite KH climate")
    assert said.startswith("That is not for you to do.")
    assert await staff.say("red-reed", "invite KH climate", in_="focal-points") == []
