"""Who is in a room: nobody who ought not to be, our own accounts, and not too many."""

from collections.abc import Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.domain.rooms import RoomKind
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import Place, RoomFacts, World
from policies.partners import server_of
from policies.placement import seats_of
from policies.rules.reading import equals, who

_CONVERSATIONS: Final = (RoomKind.TALK, RoomKind.THEME, RoomKind.JOINT)


@rule(
    "room-stranger",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("{who} is in this room, or asked in, and does not belong there."),
    remedy=N_("Find out who let them in. What was said since then is to be counted as read."),
    repaired=True,
    waived_by=("who",),
)
def stranger(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Whoever is in a room is expected there; in a joint room that goes for partners' people too."""
    high = equals(room, world.accounts)
    for user in sorted(room.present - room.expected - world.accounts.all):
        if room.place is not Place.STRAY and not _foreign(room, user, world):
            yield {"who": who(user, world.accounts), "needs_keeper": user in high}


@rule(
    "room-foreign",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Somebody of another server is in this room: {server}, {count}."),
    remedy=N_("Their server has a copy of all that it was sent. Find out how they came in."),
    repaired=True,
    waived_by=("server", "count"),
)
def foreign(room: RoomFacts, world: World) -> Iterator[Drift]:
    """People of other servers are in joint rooms and nowhere else."""
    guests = [user for user in room.present if _foreign(room, user, world)]
    outside, beyond = [server_of(user) for user in guests], equals(room, world.accounts) & {*guests}
    high = {server_of(user) for user in beyond}
    for server in sorted(set(outside)):
        name, count = who(f"@x:{server}", world.accounts), outside.count(server)
        yield {"server": name, "count": count, "needs_keeper": server in high}


def _foreign(room: RoomFacts, user: str, world: World) -> bool:
    joint = room.declared is not None and room.declared.kind is RoomKind.JOINT
    return server_of(user) != world.accounts.server_name and not joint


@rule(
    "room-bot",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("Our account {account} is in this room and does not belong there."),
    remedy=N_(
        "Find out how it came in. If it owns a device, what was said since then is to be counted as read."
    ),
    repaired=True,
    waived_by=("account",),
)
def bot(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Where members talk, none of our accounts is but the warden, who cannot read."""
    astray = (room.present - room.expected) & world.accounts.all
    if room.place is not Place.STRAY:
        high = equals(room, world.accounts)  # the keeper always is, and leaves by itself with `banyan apply`
        for user in sorted(astray):
            yield {"account": who(user, world.accounts), "needs_keeper": user in high}


@rule(
    "room-unguarded",
    about=About.ROOM,
    severity=Severity.BREACH,
    title=N_("The warden is not in this room: nobody puts right what is changed there."),
    remedy=N_("Run `banyan apply` on the server. If that is refused, archive the room."),
)
def unguarded(room: RoomFacts, world: World) -> Iterator[Drift]:
    """The warden is in every declared room."""
    if room.declared and room.members.get(world.accounts.warden) != "join":
        yield {}


@rule(
    "room-seat-empty",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("Our account {account} is not in this room, where it ought to speak."),
    remedy=N_("See that it comes back: until then nothing of ours arrives there, alerts included."),
    repaired=True,
)
def seat(room: RoomFacts, world: World) -> Iterator[Drift]:
    """The speaking accounts of its kind are in it."""
    if room.declared:
        for user in sorted(seats_of(room.declared.kind, world.accounts)):
            if room.members.get(user) != "join":
                yield {"account": who(user, world.accounts)}


@rule(
    "room-absent",
    about=About.ROOM,
    severity=Severity.NOTICE,
    title=N_("{count} members who belong in this room are not in it."),
    remedy=N_("Ask them whether they left on purpose: alerts do not reach them there."),
)
def absent(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Members who may be in a room are in it."""
    if not room.declared:
        return
    expected = {user for user in room.expected & world.members.keys() if world.members[user].account}
    if missing := expected - room.present:
        yield {"count": len(missing)}


@rule(
    "room-size",
    about=About.ROOM,
    severity=Severity.WARNING,
    title=N_("{count} people are in this conversation; {limit} is the most that can know each other."),
    remedy=N_("Split it: one seized phone shows what all of them say."),
)
def size(room: RoomFacts, world: World) -> Iterator[Drift]:
    """Conversations stay small; larger rooms are announce-only."""
    limit, people = world.network.limits.conversation_size, len(room.present - world.accounts.all)
    if room.declared and room.declared.kind in _CONVERSATIONS and people > limit:
        yield {"count": people, "limit": limit}
