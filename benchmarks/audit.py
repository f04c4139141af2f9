"""What the audit's eye costs: everything it sees, against reading the same rooms' state by the admin API."""

from pathlib import Path

from banyan.bootstrap.baseline import judged
from banyan.bootstrap.home import Parts
from banyan.domain.sight import Sight
from benchmarks import homes
from benchmarks.crowded import crowd_in
from benchmarks.gate import CLOSED, ENCRYPTED
from benchmarks.measure import Kind, Result, Step, compared, in_turns, timed
from benchmarks.parts import Sizes, together
from homeserver.admin import Admin
from homeserver.config import Paths
from homeserver.matrix import Matrix
from homeserver.survey import Surveyor

LIMIT = 1.5
EACH_IN = 5
"""Rooms that a member is in."""


async def audit_cost(directory: Path, sizes: Sizes, step: Step) -> list[Result]:
    """A first look, with nothing remembered: rooms, people, every device's keys and who signed them.

    The peer reads the rooms only, one request a room, several at a time. A second look is told beside it.
    """
    home = directory / "audit"
    async with homes.started(home) as parts:
        rooms = await _rooms(parts, sizes.audit_rooms)
        server_name = parts.spec.server_name
    crowd_in(Paths(home.resolve()).synapse / "homeserver.db", server_name, rooms, sizes.audit_people, EACH_IN)
    async with homes.started(home) as parts:
        token = parts.home.secret("registrar.token").read_text().strip()
        async with Admin(parts.addresses.homeserver, token) as admin, parts.gate as gate:

            async def look() -> None:
                _check(await Surveyor(gate, judged, parts.clock).look(), sizes)

            async def read() -> None:
                await together(admin.room_state(room_id) for room_id in rooms)

            pairs = await in_turns(lambda: timed(look()), lambda: timed(read()), sizes.rounds, step)
            eye = Surveyor(gate, judged, parts.clock)
            await eye.look()
            again = await timed(eye.look())
    size = {"rooms": len(rooms), "people": sizes.audit_people}
    return [compared("audit, everything seen", Kind.RATIO, LIMIT, pairs, size, second_look=round(again, 3))]


async def _rooms(parts: Parts, number: int) -> list[str]:
    token = parts.home.secret("keeper.token").read_text().strip()
    async with Matrix(parts.addresses.homeserver, token) as keeper:
        room = {"preset": "private_chat", "initial_state": [ENCRYPTED, *CLOSED]}
        return [await keeper.create_room(room) for _ in range(number)]


def _check(sight: Sight, sizes: Sizes) -> None:
    """A look that sees less is not faster."""
    seen = sum(len(room.members) for room in sight.rooms), sum(bool(a.master_key) for a in sight.accounts)
    if seen[0] < sizes.audit_people * EACH_IN or seen[1] < sizes.audit_people:
        raise RuntimeError("the eye did not see everybody")
