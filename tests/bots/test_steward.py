"""The steward: what it says in staff rooms."""

import pytest
from nacl.signing import SigningKey

from banyan.domain.effects import Actor, Effect, EffectState
from banyan.domain.notes import Head, find_notes, sign
from banyan.services.outbox import Never
from bots.client import MatrixError
from bots.outgoing import MARK, Outgoing
from bots.steward import Steward, where_they_are
from tests.bots.fake_client import FakeClient
from tests.fakes import NOON, room_id

ROOM = "!vetting:banyan.test"


@pytest.fixture
def client():
    return FakeClient("@steward:banyan.test")


@pytest.fixture
def handle(client, clock):
    handlers = Steward(Outgoing(client, clock)).handlers

    async def carry_out(kind, **payload):
        asked = {"room_id": ROOM} | payload
        return await handlers[kind](
            Effect("e1", 1, Actor.STEWARD, kind, asked, ROOM, None, EffectState.QUEUED, NOON)
        )

    return carry_out


async def test_it_says_what_was_decided(handle, client):
    """The result names the message."""
    content = {"msgtype": "m.notice", "body": "Two of two."}
    assert await handle("say", content=content) == {"event_id": "$0"}
    (event,) = client.sent
    assert (event["room_id"], event["type"], event["content"]) == (ROOM, "m.room.message", content)
    assert event["beside"] == {MARK: "e1"}


async def test_a_staff_room_that_refuses_is_tried_again(handle, client):
    """The reconciler repairs it; nothing for staff is given up."""
    client.refuses_with = MatrixError(403, "M_FORBIDDEN")
    with pytest.raises(MatrixError):
        await handle("say", content={})


async def test_a_warning_nobody_worded_is_never_said(handle, client):
    """A code without a text ends its effect."""
    with pytest.raises(Never):
        await handle("warn", reason="no-such-thing", language="en")
    await handle("warn", reason="warden-has-device", language="en")
    assert len(client.sent) == 1


async def test_a_warning_says_how_often_it_came_back(handle, client):
    """To those who read another language too."""
    values = {"account": "desk", "again": "7"}
    await handle("warn", reason="account-has-device", language="fr", values=values)
    (event,) = client.sent
    assert event["content"]["body"].count("7") == 2


async def test_warnings_follow_the_security_staff(client, clock, work, rooms):
    """Somebody deleted their room; it is made anew: the warnings of that time arrive there."""
    handlers = where_they_are(work, Steward(Outgoing(client, clock)).handlers)

    def effect(kind, **payload):
        name = f"{kind} {payload['room_id']}"
        return Effect(name, 1, Actor.STEWARD, kind, payload, "", None, EffectState.QUEUED, NOON)

    asked = {"reason": "room-gone", "language": "en", "values": {"room": "talk:KH"}}
    await handlers["warn"](effect("warn", room_id="!deleted", **asked))
    await handlers["warn"](effect("warn", room_id=room_id("staff:security"), **asked))
    assert [event["room_id"] for event in client.sent] == [room_id("staff:security")] * 2
    with pytest.raises(Never):
        await handlers["say"](effect("say", room_id="!deleted", content={}))
    await handlers["say"](effect("say", room_id=room_id("staff:vetting"), content={}))


async def test_a_checkpoint_can_be_copied_whole(handle, client):
    """The note stands alone, byte by byte, with formatting and without. It never rings."""
    note = sign(Head("banyan.test/banyan-log", 7, bytes(32)), SigningKey(bytes(32)))
    await handle("checkpoint", note=note, size=7, language="en")
    (event,) = client.sent
    content = event["content"]
    assert find_notes(content["body"]) == [note]
    assert f"<pre><code>{note}</code></pre>" in content["formatted_body"]
    assert "7" in content["body"].split("\n")[0]
    assert (content["msgtype"], content["m.mentions"]) == ("m.notice", {})
