"""What is said in a room is for its members, not for the server."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import Place, RoomFacts, World
from policies.rooms import ALGORITHM, ROOM_KINDS
from policies.rules.reading import same


@rule(
    "room-unencrypted",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Messages in this room are not encrypted, or no longer as they ought to be."),
    remedy=N_("Tell its members to write nothing there until this is put right."),
    repaired=True,
)
def unencrypted(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Every room but a space is encrypted; a declared one by exactly our setting."""
    if not ROOM_KINDS[room.declared.kind].encrypted if room.declared else _is_space(room):
        return
    content = room.content("m.room.encryption")
    # an app may say when keys are changed in a chat it makes; in our rooms a key could so last for ever
    right = same(content, {"algorithm": ALGORITHM}) or (
        room.place is not Place.DECLARED and same(content.get("algorithm"), ALGORITHM)
    )
    if not right:
        yield {}


def _is_space(room: RoomFacts) -> bool:
    """Nobody talks in a space; one that is not declared any more is found as a stray room."""
    return bool(room.content("m.room.create").get("type") == "m.space")
