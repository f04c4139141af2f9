"""Ways into a joint room that no callback of Synapse is asked about, tried by a server that lies."""

import time

import pytest

from homeserver.gatefile import GateFile
from tests.live.federation import JOINT, Pair, federating, reference
from tests.waiting import until

pytestmark = pytest.mark.live
GUEST = "lamp"


async def signed_join(pair: Pair, room_id: str, *, tampered: bool) -> dict:
    """A join from a template of better days. Tampered with, its hash is wrong and its signature is not."""
    template = (await pair.template(room_id, f"@{GUEST}:{pair.theirs.server_name}")).body["event"]
    event = pair.hostile.signed(template | {"origin_server_ts": int(time.time() * 1000)})
    if tampered:
        event["content"] = event["content"] | {"displayname": "somebody else"}
    return event


async def test_a_server_that_lies_gets_nobody_in(tmp_path):
    """Joins kept from better days, sound or of a wrong hash, handed in or only sent; then the honest one."""
    async with federating(tmp_path, GUEST) as pair:
        room_id, user_id = pair.room(JOINT), f"@{GUEST}:{pair.theirs.server_name}"
        guest, warden = await pair.their(GUEST), await pair.warden()

        async def membership() -> str | None:
            return (await pair.memberships(room_id)).get(user_id)

        await pair.invited(guest, room_id)
        joins = [await signed_join(pair, room_id, tampered=tampered) for tampered in (False, True)]
        gate = GateFile(pair.ours.home / "gate.db")
        gate.withdraw(user_id, [room_id])
        for event in joins:
            path = f"/_matrix/federation/v2/send_join/{room_id}/{reference(event)}"
            answer = await pair.hostile.ask("PUT", path, event)
            assert (answer.status, await membership()) == (403, "invite"), answer.body
        for event in joins:
            await pair.hostile.send(event)
        await pair.judged()
        mark = await pair.speak(warden, room_id)
        assert await pair.hears(warden, room_id, mark)
        assert await membership() == "invite"

        gate.allow(user_id, [room_id])
        await pair.join(guest, room_id)
        for speaker, listener in ((warden, guest), (guest, warden)):
            mark = await pair.speak(speaker, room_id)
            await until(lambda listener=listener, mark=mark: pair.hears(listener, room_id, mark))
