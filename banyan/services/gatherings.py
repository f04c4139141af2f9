"""Gatherings: announced in the guide rooms, answered by tap or in the chat, reminded of once.

Reactions are never encrypted: the homeserver sees them and could forge them. They count for nothing but
whether somebody says they come.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.gatherings import EXPECTED, Gathering, Rsvp, answer_of, gathering_of
from banyan.domain.log import Action, NewEntry
from banyan.domain.people import Accounts, Member, MemberStatus
from banyan.domain.rooms import Room, RoomKind, room_key
from banyan.errors import Refusal
from banyan.i18n import N_, clean
from banyan.network import Area, Network
from banyan.services.limits import Limit
from banyan.services.ports import Clock, Ids, UnitOfWork, Work
from banyan.services.rooms import ANNOUNCEMENTS, DAY, ENOUGH

LONGEST_TITLE = 120
"""Characters."""

FURTHEST = timedelta(days=366)
"""How far ahead a gathering may lie: beyond that somebody mistook the year."""

_NONE = N_("There is no such gathering.")


class Gatherings:
    """Announcing gatherings, counting answers, reminding. What cannot be done raises `Refusal`."""

    def __init__(self, work: Work, clock: Clock, ids: Ids, *, network: Network, accounts: Accounts) -> None:
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._accounts = accounts
        self._announced = Limit("gathering", ANNOUNCEMENTS, DAY)

    async def announce(
        self,
        tx: UnitOfWork,
        title: str,
        starts: datetime,
        areas: Sequence[Area],
        remind: datetime | None = None,
        *,
        by: Member,
        actor: str,
    ) -> Gathering:
        """Announce a gathering in the guide rooms of these areas.

        `starts` and `remind` are aware. `by` is who announces it, `actor` how the log names them: whether
        they may is decided before; here, that one phone does not ring with everybody's all day.
        """
        self._check_times(starts, remind)
        if not await self._announced.take(tx, by.id, self._clock.now()):
            raise Refusal(ENOUGH, count=ANNOUNCEMENTS)
        gathering = Gathering(
            id=self._ids.opaque(),
            title=_title(title),
            starts=starts,
            areas=tuple(dict.fromkeys(area.key for area in areas)),
            author=by.id,
            remind=remind,
        )
        rooms = [await self._room(tx, key) for key in gathering.areas]
        await tx.gatherings.add(gathering)
        await tx.log.append(_entry(Action.GATHERING_ANNOUNCED, actor, gathering))
        await tx.outbox.put_all([self._post("gathering_post", gathering, room) for room in rooms])
        return gathering

    async def cancel(self, tx: UnitOfWork, gathering_id: str, *, actor: str) -> Gathering:
        """Call it off: in the guide rooms, and to everybody who may have come."""
        gathering = await self._standing(tx, gathering_id)
        await tx.gatherings.cancel(gathering_id)
        await tx.log.append(_entry(Action.GATHERING_CANCELLED, actor, gathering))
        rooms = [await tx.rooms.get(room_key(RoomKind.GUIDE, area)) for area in gathering.areas]
        posts = [self._post("gathering_cancel_post", gathering, room) for room in rooms if room]
        await tx.outbox.put_all([*posts, *await self._tell(tx, "gathering_cancel", gathering)])
        return gathering

    async def answer(self, tx: UnitOfWork, gathering_id: str, member: Member, answer: Rsvp) -> Gathering:
        """What a member says in their chat: it takes the place of what they said or tapped before."""
        gathering = await self._standing(tx, gathering_id)
        if member.placement.area not in gathering.areas:
            raise Refusal(_NONE)
        await tx.gatherings.set_rsvp(gathering_id, member.id, answer)
        return gathering

    async def coming(self, tx: UnitOfWork, areas: Collection[str]) -> Sequence[Gathering]:
        """What lies ahead for members of any of these areas (keys), the next one first."""
        upcoming = await tx.gatherings.upcoming(self._clock.now())
        return [each for each in upcoming if not set(areas).isdisjoint(each.areas)]

    async def counts(self, tx: UnitOfWork, gathering_id: str) -> Mapping[Rsvp, int]:
        """How many members gave each answer, 0 included. Who they are is told to nobody."""
        answers = list((await tx.gatherings.rsvps(gathering_id)).values())
        return {answer: answers.count(answer) for answer in Rsvp}

    async def get(self, gathering_id: str) -> Gathering | None:
        """The gathering with that id."""
        async with self._work.reading() as tx:
            return await tx.gatherings.get(gathering_id)

    async def posted(self, event_id: str, gathering: Gathering) -> None:
        """That event announces the gathering: reactions to it are answers. Safe to repeat."""
        async with self._work() as tx:
            await tx.posts.add(event_id, gathering.subject, gathering.starts)

    async def reacted(
        self, event_id: str, target: str, user_id: str, key: str, *, missed: bool = False
    ) -> None:
        """Somebody reacted with `key` to the event `target`; the latest of their answers counts.

        Nothing happens unless that announces a gathering ahead and asks a member like them. Safe to repeat.
        One that was `missed`, for `target` was not known then, counts only for who has not answered since.
        """
        answer, now = answer_of(key), self._clock.now()
        if answer is None:
            return
        async with self._work() as tx:
            gathering_id = gathering_of(await tx.posts.subject_of(target) or "")
            gathering = await tx.gatherings.get(gathering_id) if gathering_id else None
            member = await self._admitted(tx, user_id)
            if gathering is None or member is None or not gathering.open(now):
                return
            if missed and member.id in await tx.gatherings.rsvps(gathering.id):
                return
            if member.placement.area in gathering.areas and await tx.answered.first(event_id, now):
                await tx.gatherings.set_rsvp(gathering.id, member.id, answer, event_id)

    async def unreacted(self, event_id: str) -> None:
        """Somebody took that reaction back; nothing happens when they have answered otherwise since."""
        async with self._work() as tx:
            await tx.gatherings.withdraw_rsvp(event_id)

    async def remind_due(self) -> int:
        """Remind of what is due, each gathering once; how many were. Too late for one that has begun."""
        async with self._work.reading() as tx:  # most of the time nothing is: let nobody wait for that
            if not await tx.gatherings.due(self._clock.now()):
                return 0
        reminded = 0
        async with self._work() as tx:
            now = self._clock.now()
            for gathering in await tx.gatherings.due(now):
                await tx.gatherings.set_reminded(gathering.id)
                if gathering.open(now):
                    await tx.outbox.put_all(await self._tell(tx, "gathering_reminder", gathering))
                    reminded += 1
        return reminded

    def _check_times(self, starts: datetime, remind: datetime | None) -> None:
        now = self._clock.now()
        if starts <= now:
            raise Refusal(N_("{when} has passed. Please choose a later time."), when=starts)
        if starts - now > FURTHEST:
            raise Refusal(N_("{when} is more than a year away. Please look at the year again."), when=starts)
        if remind is not None and not now < remind < starts:
            raise Refusal(
                N_("A reminder has to lie between now and the beginning. {when} does not."),
                when=remind,
            )

    async def _standing(self, tx: UnitOfWork, gathering_id: str) -> Gathering:
        gathering = await tx.gatherings.get(gathering_id)
        if gathering is None:
            raise Refusal(_NONE)
        if gathering.cancelled:
            raise Refusal(N_("This gathering was cancelled before."))
        if not gathering.open(self._clock.now()):
            raise Refusal(N_("This gathering has begun already."))
        return gathering

    async def _room(self, tx: UnitOfWork, area: str) -> Room:
        room = await tx.rooms.get(room_key(RoomKind.GUIDE, area))
        if room is None:
            # Half an announcement would look like a whole one.
            raise Refusal(N_("{area} has no guide room yet. Please tell the operator."), area=area)
        return room

    async def _admitted(self, tx: UnitOfWork, user_id: str) -> Member | None:
        localpart = self._accounts.localpart(user_id)
        member = await tx.members.by_localpart(localpart) if localpart else None
        return member if member and member.status is MemberStatus.ADMITTED else None

    async def _tell(self, tx: UnitOfWork, kind: str, gathering: Gathering) -> list[NewEffect]:
        """One effect for everybody who may come.

        Without `dedupe`, which is kept for ever and would tell who was where: what decides that they are
        written is decided once, in the same unit of work.
        """
        answers = await tx.gatherings.rsvps(gathering.id)
        expected = [await tx.members.get(each) for each, answer in answers.items() if answer in EXPECTED]
        return [
            NewEffect(
                Actor.DESK,
                kind,
                {
                    "gathering_id": gathering.id,
                    "member_id": member.id,
                    "room_id": member.chat,
                    "zone": self._network.zone_of(member.placement.area),
                },
                lane=member.chat,
                subject=gathering.subject,
                secret=True,
            )
            for member in expected
            if member and member.chat
        ]

    def _post(self, kind: str, gathering: Gathering, room: Room) -> NewEffect:
        about = {"gathering_id": gathering.id, "room_id": room.room_id, "language": room.language}
        return NewEffect(
            Actor.DESK,
            kind,
            about | {"zone": self._network.zone_of(room.area)},
            lane=room.room_id,
            subject=gathering.subject,
            dedupe=f"{kind}:{gathering.id}:{room.room_id}",
        )


def _title(title: str) -> str:
    said = clean(title)
    if not said:
        raise Refusal(N_("A gathering needs a title. Please write a few words."))
    if len(said) > LONGEST_TITLE:
        said_too_much = N_("This title is too long. Please use {longest} letters at most.")
        raise Refusal(said_too_much, longest=LONGEST_TITLE)
    return said


def _entry(action: Action, actor: str, gathering: Gathering) -> NewEntry:
    return NewEntry(action, actor, gathering.id, details={"areas": ",".join(gathering.areas)})
