"""An effect is sent once, on whichever device and however late it is tried again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from banyan.domain.effects import Actor, Effect, EffectState
from bots.outgoing import MARK, Outgoing
from tests.bots.fake_client import FakeClient
from tests.fakes import NOON

ROOM = "!room"
CONTENT = {"msgtype": "m.text", "body": "x"}
FRESH = Effect(
    id="e1",
    seq=1,
    actor=Actor.ALARM,
    kind="alert",
    payload={},
    lane=ROOM,
    subject=None,
    state=EffectState.QUEUED,
    queued=NOON,
)


@pytest.fixture
def client(clock):
    client = FakeClient()
    client.now_ms = int(clock.now().timestamp() * 1000)
    return client


async def test_the_mark_stands_beside_the_ciphertext(client, clock):
    """The opaque id goes along in clear, and nothing else does."""
    await Outgoing(client, clock).send(FRESH, ROOM, CONTENT)
    assert [event["beside"] for event in client.sent] == [{MARK: "e1"}]


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize("device", ["DEVICE", "ANOTHER"])
async def test_an_attempt_that_arrived_is_not_repeated(client, clock, hours, device):
    """The first attempt arrived and nobody could say so: the next one names the same event."""
    first = await Outgoing(client, clock).send(FRESH, ROOM, CONTENT)
    again = replace(FRESH, attempts=1, first_attempt=clock.now(), device_id=client.device_id)
    clock.forward(hours=hours)
    client.device_id = device
    if hours:
        client._known.clear()  # the homeserver forgets transaction ids after a day
    assert await Outgoing(client, clock).send(again, ROOM, CONTENT) == first
    assert len(client.sent) == 1


@pytest.mark.parametrize("device", ["DEVICE", "ANOTHER"])
async def test_an_attempt_that_never_arrived_is_made(client, clock, device):
    """Looking for it finds nothing, so it is sent now."""
    again = replace(FRESH, attempts=3, first_attempt=clock.now() - timedelta(hours=30), device_id="DEVICE")
    client.device_id = device
    await Outgoing(client, clock).send(again, ROOM, CONTENT)
    assert len(client.sent) == 1


async def test_nothing_is_looked_for_at_the_first_attempt(client, clock):
    """An alarm costs one request a room."""
    client.find_own = None
    await Outgoing(client, clock).send(FRESH, ROOM, CONTENT)
    within = replace(FRESH, attempts=1, first_attempt=clock.now() - timedelta(hours=22), device_id="DEVICE")
    await Outgoing(client, clock).send(within, ROOM, CONTENT)
