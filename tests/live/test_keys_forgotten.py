"""The bots' keys are forgotten while the talk goes on, on a real Synapse and in the real files."""

from itertools import chain
from uuid import uuid4

import pytest

from bots.client import ReportKind
from tests.bots.client import seizure
from tests.bots.client.parties import Party, Stage
from tests.live.bare_synapse import bare_synapse
from tests.live.homeserver import MEGOLM
from tests.waiting import until

pytestmark = pytest.mark.live

DAY = 24 * 3600


async def together(first: Party, other: Party) -> str:
    """A new encrypted room with both of them in it, as far as each of them knows."""
    body = {"preset": "private_chat", "initial_state": [MEGOLM], "invite": [other.user_id]}
    room_id = await first.client.create_room(body)
    await other.client.join(room_id)
    for party in (first, other):
        rooms = party.client.rooms
        await until(lambda rooms=rooms: room_id in rooms and len(rooms[room_id].joined) == 2)
        await party.heard_all()
    return room_id


async def forgotten(*parties: Party) -> None:
    """Wait until each of them has made its pass."""
    wrappings = [party.client._forgetting._wrapping for party in parties]
    await until(lambda: not any(wrapping.due for wrapping in wrappings))


async def has_heard(listener: Party, event_id: str) -> None:
    await until(lambda: event_id in {message.event_id for message in listener.messages})


async def talk(room_id: str, words: str, *parties: Party) -> list[dict]:
    """Each says something that the other hears; the events, as the homeserver has them for ever."""
    said = []
    for speaker, listener in (parties, parties[::-1]):
        event_id = await speaker.say(room_id, words)
        await has_heard(listener, event_id)
        said.append(await speaker.client.event(room_id, event_id))
    return said


async def test_a_talk_of_weeks_leaves_the_last_day(tmp_path):
    """Whoever seizes the files and the homeserver reads one day; nothing said was unreadable when it came."""
    now = [2_000_000_000.0]
    days = 10  # so that both have changed their keys meanwhile, as Element does after a week
    async with bare_synapse(tmp_path / "synapse") as synapse:
        stage = Stage(synapse.url, synapse.server_name, synapse.as_token, tmp_path)
        names = [f"b_{name}_{uuid4().hex[:6]}" for name in ("lotus", "teak")]
        clock = {"clock": lambda: now[0]}
        async with stage.party(names[0], **clock) as lotus, stage.party(names[1], **clock) as teak:
            room_id = await together(lotus, teak)
            said = [await talk(room_id, "day 0", lotus, teak)]
            for day in range(1, days):
                now[0] += DAY
                await talk(room_id, "good morning", lotus, teak)
                await forgotten(lotus, teak)
                said.append(await talk(room_id, f"day {day}", lotus, teak))
            for listener, name in ((lotus, names[0]), (teak, names[1])):
                heard = [e["content"] for e in chain(*said) if e["sender"] != listener.user_id]
                readable = [seizure.can_read(stage.store(name), content) for content in heard]
                assert readable == [False] * (days - 1) + [True]
                assert len({content["session_id"] for content in heard}) == 2
                assert ReportKind.UNDECRYPTABLE not in {report.kind for report in listener.reports}
