"""Two of our clients on a fake homeserver: what a bot may rely on."""

from bots.client import Trust


async def test_what_one_says_the_other_hears(stage, fake):
    """An encrypted message arrives with the trust of its sender's signed device."""
    async with stage.party("b_lotus") as lotus, stage.party("b_teak") as teak:
        room_id = fake.room(lotus.user_id, teak.user_id)
        event_id = await lotus.say(room_id, "good morning")
        heard = await teak.hears("good morning")
    assert (heard.event_id, heard.encrypted, heard.trust) == (event_id, True, Trust.OWNER_SIGNED)
    assert heard.device_id == lotus.client.device_id
    assert "good morning" not in str(fake.requests)
