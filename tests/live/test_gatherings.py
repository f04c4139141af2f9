"""A gathering in a guide room of a real Synapse: posted, tapped, taken back."""

import pytest
import pytest_asyncio

from banyan.domain.effects import Actor
from banyan.domain.gatherings import Rsvp
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.services.chats import Chats
from banyan.services.gatherings import Gatherings
from banyan.services.roster import Roster
from banyan.services.traces import Traces
from bots.client import MatrixError
from bots.desk import Desk
from bots.gatherings import Host
from bots.outgoing import Outgoing
from tests.bots.client.parties import Stage
from tests.fakes import FakeVault
from tests.gathering_samples import STARTS, TITLE, emptied
from tests.live.bare_synapse import bare_synapse
from tests.live.test_bots_client import together

pytestmark = pytest.mark.live

GUIDE = room_key(RoomKind.GUIDE, "KH")


@pytest_asyncio.fixture
async def stage(tmp_path_factory, tmp_path):
    async with bare_synapse(tmp_path_factory.mktemp("bare")) as running:
        yield Stage(running.url, running.server_name, running.as_token, tmp_path)


async def test_one_tap_answers(stage, work, clock, ids, network, rooms):
    """The desk's three signs stand under the post once, however often asked; a tap counts until undone."""
    accounts = Accounts(stage.server_name)
    gatherings = Gatherings(work, clock, ids, network=network, accounts=accounts)
    chats = Chats(work, accounts, Roster(work, accounts, network))
    otter = Member("id-otter", "b_otter", Placement("KH"), "km", MemberStatus.ADMITTED)
    async with stage.party("b_desk") as desk, stage.party("b_otter") as phone:
        room_id = await together(desk, phone)
        speaker = Desk(desk.client, Outgoing(desk.client, clock), chats, FakeVault(), Traces(work, clock))
        host = Host(desk.client, speaker, gatherings, chats, clock)
        desk.client.handlers.message.insert(0, host.heard)
        async with work() as tx:
            await tx.members.add(otter)
            await tx.rooms.put(Room(GUIDE, room_id, RoomKind.GUIDE, "KH", "km"))
            tea = await gatherings.announce(
                tx, TITLE, STARTS, [network.area("KH")], by=otter, actor="focal_point:otter"
            )
            (effect,) = await tx.outbox.due(Actor.DESK, clock.now(), 10)
        await emptied(work, clock, host.handlers)
        await host.post(effect)
        (posted,) = [effect.result["event_id"] for effect in await effects_of(work, tea)]
        with pytest.raises(MatrixError, match="M_DUPLICATE_ANNOTATION"):  # what `post` meets days later
            await desk.client.react(room_id, posted, "👍", txn_id="another")

        post = (await phone.until(lambda: [m for m in phone.messages if m.encrypted]))[0]
        assert TITLE in post.content["body"]
        signs = await phone.until(
            lambda: len(taps := [m for m in phone.messages if m.type == "m.reaction"]) == 3 and taps
        )
        assert [sign.content["m.relates_to"]["key"] for sign in signs] == ["👍", "👎", "🤔"]

        tap = await phone.client.react(room_id, post.event_id, "👍", txn_id="tap")
        await desk.until(lambda: tap in [m.event_id for m in desk.messages])
        assert await answer(work, tea) == {otter.id: Rsvp.YES}
        await phone.client.redact(room_id, tap, txn_id="undo")
        await desk.until(lambda: "m.room.redaction" in [m.type for m in desk.messages])
        assert await answer(work, tea) == {}

        # what somebody sends now would come after anything posted twice
        last = await desk.client.react(room_id, post.event_id, "🌳", txn_id="last")
        await phone.until(lambda: last in [m.event_id for m in phone.messages])
        assert [m.type for m in phone.messages] == ["m.room.message", *["m.reaction"] * 4]


async def effects_of(work, tea):
    async with work.reading() as tx:
        return await tx.outbox.of_subject(tea.subject)


async def answer(work, tea):
    async with work.reading() as tx:
        return await tx.gatherings.rsvps(tea.id)
