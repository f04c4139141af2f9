"""What somebody tries who is inside: to make a bot stop, ring, or do old things again."""

import pytest

from banyan.domain.effects import Actor
from banyan.matrix import MatrixError
from banyan.services.outbox import Never
from bots.outgoing import Outgoing
from bots.texts import LARGEST, size
from tests.bots.fake_client import FakeClient
from tests.bots.test_outgoing import CONTENT, FRESH, ROOM

OFFICER = "security_officer"


async def test_what_is_too_large_keeps_nothing_waiting(clock):
    """Tried again for ever it would stand before all that is said in that room later."""
    client = FakeClient()
    client.refuses_with = MatrixError(413, "M_TOO_LARGE")
    with pytest.raises(Never):
        await Outgoing(client, clock).send(FRESH, ROOM, CONTENT)


async def test_a_long_list_is_said_in_several_messages(stage):
    """Twenty requests with long additions in a script of three bytes a letter: each part can be sent."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("calm-oar", "KH", OFFICER)
    for _ in range(6):
        for name in ("teal-otter", "calm-oar"):
            await stage.say(name, f"alert raid LA severe avoid 6h {'ក' * 900}")
            await stage.say(name, "1")
        stage.hearing.clock.forward(minutes=20)
    before = len(await stage.effects(Actor.STEWARD))
    await stage.say("teal-otter", "waiting", in_="security")
    said = [payload for kind, payload in (await stage.effects(Actor.STEWARD))[before:] if kind == "say"]
    assert len(said) > 1
    assert all(size(payload["content"]) <= LARGEST for payload in said)


async def test_one_phone_cannot_ring_with_gatherings(stage, gatherings, work):
    """Everybody's phone rings for each: after some within a day no more are announced."""
    await stage.member("teal-otter", "KH", "focal_point")
    for number in range(30):
        await stage.say("teal-otter", f'gathering Tea{number} "tomorrow 19:00" KH 10')
        await stage.say("teal-otter", "1")
    async with work.reading() as tx:
        assert len(await gatherings.coming(tx, {"KH"})) <= 6


async def test_one_member_cannot_ring_for_help_all_day(stage, roll_call, work):
    """The security staff read every change; their phones ring for the first of them only."""
    await stage.member("teal-otter", "KH", OFFICER)
    await stage.member("calm-oar", "LA", OFFICER)
    await stage.member("amber-heron", "LA")
    await stage.say("teal-otter", "alert raid LA severe avoid 6h 0")
    await stage.say("teal-otter", "0")
    await stage.say("teal-otter", "1")
    stage.hearing.clock.forward(minutes=1)
    async with work.reading() as tx:
        (proposal,) = await tx.proposals.waiting()
    await stage.say("calm-oar", proposal.code, in_="security")
    await roll_call.begin(proposal.about["alert_id"])
    for _ in range(20):
        await stage.say("amber-heron", "need help")
        await stage.say("amber-heron", "safe")
    told = [payload for kind, payload in await stage.effects(Actor.STEWARD) if kind == "needs_help"]
    assert len(told) == 40
    assert 1 <= sum(payload["rings"] for payload in told) <= 3


async def test_letters_that_stand_for_many_are_counted_as_many(stage):
    """A message within the length of what is read, and eighteen times as long for us: it is not read."""
    await stage.member("amber-heron", "KH")
    (said,) = await stage.say("amber-heron", "help " + "\ufdfa" * 3990)
    assert said.startswith("That is too long")


async def test_another_role_is_no_other_phone(stage, work):
    """Who may freeze no more within the hour may not because their roles changed."""
    await stage.member("teal-otter", "KH", OFFICER)
    names = [f"calm-oar{letter}" for letter in "abcdefg"]
    for name in names:
        await stage.member(name, "LA")
    for name in names[:5]:
        await stage.say("teal-otter", f"freeze {name}")
    async with work() as tx:
        await stage.roles.give(tx, await tx.members.by_localpart("teal-otter"), "focal_point", by="x")
    (said,) = await stage.say("teal-otter", f"freeze {names[5]}")
    assert said.startswith("You have frozen 5 members")
