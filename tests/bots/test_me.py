"""What somebody is told about themselves."""

from banyan.domain.effects import Actor


async def test_me_tells_name_group_language_duties_and_how_long_messages_stay(stage):
    """Short, in code names, and gone after ten minutes: duties are nothing for a phone that is seized."""
    await stage.member("amber-heron", "MM-1", "focal_point")
    (said,) = await stage.say("amber-heron", "Who am I?")
    for told in ("amber-heron", "Alder", "English", "focal point", "30 days"):
        assert told in said
    assert "MM" not in said
    assert (await stage.effects(Actor.DESK, "!chat-amber-heron"))[-1][1]["lasts"] == 600


async def test_who_has_no_duties_is_told_so(stage):
    """An ordinary member."""
    await stage.member("amber-heron")
    assert "Your duties: none" in (await stage.say("amber-heron", "me"))[0]
