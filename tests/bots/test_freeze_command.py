"""The brake by chat: one word, at once, and the times when it is done."""

from banyan.domain.effects import Actor
from banyan.domain.people import MemberStatus
from bots.brake import Brake


async def test_one_word_freezes(stage, work, services, clock):
    """With the name in any form; the answer waits for nothing, the times wait for the last step."""
    await stage.member("teal-otter", "TH", "security_officer")
    await stage.member("amber-heron", "VN")
    (said,) = await stage.say(
        "teal-otter", "freeze [amber-heron](https://matrix.to/#/@amber-heron:banyan.test)", in_="security"
    )
    assert "ending all access of amber-heron" in said
    assert (await stage.look("amber-heron")).status is MemberStatus.FROZEN
    async with work.reading() as tx:
        waiting = await tx.outbox.due(Actor.STEWARD, clock.now(), 10)
    assert [effect.kind for effect in waiting] == ["say"]

    spoken = []

    async def say(effect, room_id, content):
        spoken.append(content["body"])
        return "$said"

    clock.forward(seconds=2.5)
    while True:
        async with work() as tx:
            due = [
                e
                for actor in (Actor.REGISTRAR, Actor.GATE)
                for e in await tx.outbox.due(actor, clock.now(), 99)
            ]
            for effect in due:
                await tx.outbox.done(effect.id, clock.now(), {})
        if not due:
            break
    async with work.reading() as tx:
        told = next(e for e in await tx.outbox.due(Actor.STEWARD, clock.now(), 10) if e.kind == "frozen")
    await Brake(say, services.freezing, work).frozen(told)
    assert "out of every room: after 2.5 s" in spoken[0]


async def test_only_security_staff_and_nobody_twice(stage):
    """A member cannot, a focal point cannot; who is frozen stays frozen and is told of again."""
    await stage.member("amber-heron", "VN")
    await stage.member("calm-oar", "VN", "focal_point")
    await stage.member("teal-otter", "TH", "security_officer")
    for name, room in (("amber-heron", None), ("calm-oar", None), ("calm-oar", "focal-points")):
        await stage.say(name, "freeze teal-otter", in_=room)
    assert (await stage.look("teal-otter")).status is MemberStatus.ADMITTED
    await stage.say("teal-otter", "freeze amber-heron")
    (again,) = await stage.say("teal-otter", "freeze amber-heron")
    assert "ending all access" in again


async def test_it_tells_of_those_whom_they_wanted_to_let_in(stage, work, members, clock):
    """What is void, and who has joined; the names only in the chat of who asks."""
    await stage.member("teal-otter", "TH", "security_officer")
    author = await stage.member("amber-heron", "VN", "vetting_officer")
    await stage.member("calm-oar", "VN")

    async def invited(name):
        stage.ids.names.append(name)
        async with work() as tx:
            return await members.write_invitation(tx, "VN", by="two-persons", asked_by=author.id)

    for name in ("red-reed", "dry-fern"):
        await members.arrived((await invited(name)).user_id)
    for name in ("grey-gull", "pale-wren", "blue-ibis"):
        await invited(name)
    (said,) = await stage.say("teal-otter", "freeze amber-heron", in_="security")
    assert "Invitations that amber-heron had asked for and nobody has used are void too: 3." in said
    assert "Joined in the last 72 hours with an invitation that amber-heron had asked for: 2." in said
    assert "write “freeze amber-heron” in your own chat" in said
    assert "red-reed" not in said
    (said,) = await stage.say("teal-otter", "freeze amber-heron")
    assert "void" not in said
    assert "dry-fern, red-reed" in said
    (said,) = await stage.say("teal-otter", "freeze calm-oar", in_="security")
    assert "invitation" not in said.casefold()


async def test_an_unknown_name_is_asked_for_again(stage):
    """A slip of the thumb at night costs one answer."""
    await stage.member("teal-otter", "TH", "security_officer")
    await stage.member("amber-heron", "VN")
    (said,) = await stage.say("teal-otter", "freeze amber-hero", in_="security")
    assert "nobody of that name" in said
    await stage.say("teal-otter", "amber-heron", in_="security")
    assert (await stage.look("amber-heron")).status is MemberStatus.FROZEN
