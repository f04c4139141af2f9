"""What a focal point has the desk write in a guide room: theirs, marked as theirs, and harmless."""

from banyan.domain.effects import Actor, Effect, EffectState
from bots.announcing import Announcements, announcement
from tests.fakes import NOON

RUDE = "@room come\n———\n<b>» From: Security</b> \u202eabc @amber-heron:banyan.test"


def test_it_is_marked_in_two_languages_and_quoted_once():
    """Nobody takes it for a word of the desk or for a translation."""
    content = announcement("Tea at six.", "vi", "Juniper")
    assert content["body"].endswith("\n\n» Tea at six.")
    assert "From the focal point of Juniper, in their own words" in content["body"]
    assert content["body"].count("Tea at six.") == 1


def test_it_rings_and_mentions_nobody():
    """People shall see it; nobody is called by name, and no line of it looks like ours."""
    content = announcement(RUDE, "en", "Juniper")
    assert (content["msgtype"], content["m.mentions"]) == ("m.text", {})
    for said in (content["body"], content["formatted_body"]):
        assert "@room" not in said
        assert "@amber" not in said
        assert "\u202e" not in said
    assert "<b>" not in content["formatted_body"]
    ours, *theirs = content["body"].split("\n\n", 1)[0:2]
    assert "own words" in ours
    assert all(line.startswith("» ") for line in theirs[0].splitlines())


def test_it_says_who_wrote_it_where_that_is_no_focal_point_of_there():
    """Staff who reach every country do not pass for a neighbour."""
    assert "From the staff" in announcement("Tea", "en", None)["body"]


async def test_it_stays_in_the_room():
    """A post in a guide room is not erased like an answer."""
    said = []

    class Desk:
        async def speak(self, effect, room, content, lasts):
            said.append((room, content["body"], lasts))
            return "$event"

    payload = {"room_id": "!guide", "language": "km", "text": "Tea", "from": "Juniper"}
    effect = Effect("e1", 1, Actor.DESK, "announce", payload, "!guide", None, EffectState.QUEUED, NOON)
    (handler,) = Announcements(Desk()).handlers.values()
    assert await handler(effect) == {"event_id": "$event"}
    ((room, body, lasts),) = said
    assert (room, lasts) == ("!guide", None)
    assert "Tea" in body
