"""Who could come in, and what they would see: join rule, history, guests, addresses."""

from collections.abc import Iterator
from typing import Any

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import Place, RoomFacts, World
from policies.rooms import ROOM_KINDS, Join
from policies.rules.reading import same


@rule(
    "room-history",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Newcomers, or people outside, may read what was said in this room before they came."),
    remedy=N_("Find out who opened it; what was said before is to be counted as read."),
    repaired=True,
)
def history(room: RoomFacts, _: World) -> Iterator[Drift]:
    """The past begins when somebody joins; in a private chat, when they are asked in."""
    found = room.content("m.room.history_visibility").get("history_visibility")
    allowed = ["joined", "invited"] if room.place is Place.PRIVATE else ["joined"]
    if found not in allowed:
        yield {}


@rule(
    "room-join-rule",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("People can come into this room in another way than they ought to."),
    remedy=N_("Look who came in since the last audit, and who changed it."),
    repaired=True,
)
def join_rule(room: RoomFacts, _: World) -> Iterator[Drift]:
    """By invitation; or by being in the one space that the room hangs under."""
    found = room.content("m.room.join_rules")
    # what a room was declared with stays when it is declared no more; `room-stray` tells of it
    left_over = room.place is Place.STRAY and same(found.get("join_rule"), Join.RESTRICTED.value)
    if not (left_over or same(found, _join_rules(room))):
        yield {}


def _join_rules(room: RoomFacts) -> dict[str, Any]:
    declared = room.declared
    if declared and room.parent_id and ROOM_KINDS[declared.kind].join is Join.RESTRICTED:
        allow = [{"type": "m.room_membership", "room_id": room.parent_id}]
        return {"join_rule": Join.RESTRICTED.value, "allow": allow}
    return {"join_rule": Join.INVITE.value}


@rule(
    "room-guests",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Guests whom nobody vetted may come into this room."),
    remedy=N_("Look who came in since the last audit, and who changed it."),
    repaired=True,
)
def guests(room: RoomFacts, _: World) -> Iterator[Drift]:
    """No guests anywhere. Said and not left out: what a server does without it may change."""
    if not same(room.content("m.room.guest_access").get("guest_access"), "forbidden"):
        yield {}


@rule(
    "room-invited-by-address",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Somebody was invited into this room by e-mail or telephone number."),
    remedy=N_("Find out who asked for it: whoever holds that address could come in."),
    repaired=True,
)
def by_address(room: RoomFacts, _: World) -> Iterator[Drift]:
    """Nobody is invited by address: the gate knows people by their pseudonyms only."""
    if any(kind == "m.room.third_party_invite" and content for (kind, _key), content in room.state.items()):
        yield {}


@rule(
    "room-listed",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("This room stands in the public list of rooms."),
    remedy=N_("Take it off the list with the admin API, and find out who put it there."),
)
def listed(room: RoomFacts, _: World) -> Iterator[Drift]:
    """No room is listed."""
    if room.listed:
        yield {}
