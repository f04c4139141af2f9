"""Conversations and guide rooms as those see them who look after them: of their own areas, no further."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry, about_member
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.domain.rooms import Room, RoomKey, RoomKind, room_key
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.access import join, leave, let_in
from banyan.services.limits import Limit
from banyan.services.ports import Clock, UnitOfWork
from policies.permissions import rank
from policies.placement import rooms_now

ANNOUNCEMENTS = 6
"""How many one person may make within a day."""

DAY = timedelta(days=1)

NOT_YOURSELF = N_("You cannot do that for yourself. Please ask a colleague.")
NOT_THEM = N_("You cannot do that for somebody whose duties are like yours or go further.")
NO_CONVERSATION = N_("People can be let in and out only where members talk.")
ELSEWHERE = N_("Only members who belong there can be in that room.")
THERE = N_("They are in that room already.")
NOT_THERE = N_("They are not in that room.")
NO_ROOM = N_("That room does not exist yet. Please tell the operator.")
ROOMS_FULL = N_("They are in {most} rooms already. That is as many as one person may be in.")
FULL = N_("That room has {most} members already. It cannot take more.")
ENOUGH = N_(
    "You have made {count} announcements within a day, so I did not send this one. Please wait a while."
)


class Rooms:
    """Who is in a conversation, letting in and out, announcing. What cannot be done raises `Refusal`.

    Whether the asker may act in an area is decided before; here, upon whom. `by` is the asker, `actor` how
    the log names them.
    """

    def __init__(self, clock: Clock, network: Network, accounts: Accounts) -> None:
        self._clock = clock
        self._network = network
        self._accounts = accounts
        self._announced = Limit("announcement", ANNOUNCEMENTS, DAY)

    async def members(self, tx: UnitOfWork, key: RoomKey, areas: Collection[str]) -> Sequence[Member]:
        """Members of these areas (keys) who are in that room, by pseudonym."""
        return [
            member
            for member in await tx.members.all(MemberStatus.ADMITTED)
            if member.placement.area in areas and key in self._keys(member.placement)
        ]

    async def counts(self, tx: UnitOfWork, areas: Collection[str]) -> Mapping[RoomKey, int]:
        """How many members of these areas are in each room."""
        there = [m for m in await tx.members.all(MemberStatus.ADMITTED) if m.placement.area in areas]
        return Counter(key for member in there for key in self._keys(member.placement))

    async def check_let_in(self, tx: UnitOfWork, key: RoomKey, member: Member, *, by: Member) -> Placement:
        """Where the member would stand if they were let in. Raise `Refusal` when they cannot be."""
        self._check_person(member, by)
        kind, place = _conversation(key)
        if key in self._keys(member.placement):
            raise Refusal(THERE)
        if kind is RoomKind.TALK and place != member.placement.area:
            raise Refusal(ELSEWHERE)
        themes = member.placement.themes | ({place} if kind is RoomKind.THEME else set())
        after = replace(member.placement, themes=themes, barred=member.placement.barred - {key})
        limits = self._network.limits
        if len(self._keys(after)) + 1 > limits.rooms_per_member:  # the chat with the desk is one more
            raise Refusal(ROOMS_FULL, most=limits.rooms_per_member)
        everywhere = [area.key for area in self._network.areas]
        if len(await self.members(tx, key, everywhere)) >= limits.conversation_size:
            raise Refusal(FULL, most=limits.conversation_size)
        await self._room(tx, key)
        return after

    async def let_in(self, tx: UnitOfWork, key: RoomKey, member: Member, *, by: Member, actor: str) -> None:
        """Let a member into a conversation: about a theme, or one they were kept out of."""
        after = await self.check_let_in(tx, key, member, by=by)
        for theme in after.themes - member.placement.themes:
            await tx.members.add_theme(member.id, theme)
        await tx.members.unbar(member.id, key)
        await tx.log.append(about_member(Action.MEMBER_LET_IN, actor, member, details={"room": key}))
        user_id = self._accounts.member(member.localpart)
        await let_in(tx, user_id, frozenset({key}))
        await join(tx, user_id)

    async def check_bar(self, tx: UnitOfWork, key: RoomKey, member: Member, *, by: Member) -> None:
        """Raise `Refusal` when the member cannot be taken out of that room."""
        self._check_person(member, by)
        _conversation(key)
        if key not in self._keys(member.placement):
            raise Refusal(NOT_THERE)
        await self._room(tx, key)

    async def bar(self, tx: UnitOfWork, key: RoomKey, member: Member, *, by: Member, actor: str) -> None:
        """Take a member out of a conversation and keep them out. Their alarms and news stay."""
        await self.check_bar(tx, key, member, by=by)
        await tx.members.bar(member.id, key)
        await tx.log.append(about_member(Action.MEMBER_BARRED, actor, member, details={"room": key}))
        await leave(tx, self._accounts.member(member.localpart), {key})

    async def check_announce(self, tx: UnitOfWork, *, by: Member) -> None:
        """Raise `Refusal` for who has announced a lot: what rings too often is read by nobody."""
        if not await self._announced.left(tx, by.id, self._clock.now()):
            raise Refusal(ENOUGH, count=ANNOUNCEMENTS)

    async def announce(
        self, tx: UnitOfWork, text: str, areas: Collection[str], *, by: Member, actor: str
    ) -> None:
        """Have the desk pass on what somebody wrote, in the guide rooms of these areas (keys)."""
        if not await self._announced.take(tx, by.id, self._clock.now()):
            raise Refusal(ENOUGH, count=ANNOUNCEMENTS)
        for area in (self._network.area(key) for key in sorted(areas)):
            room = await self._room(tx, room_key(RoomKind.GUIDE, area.key))
            payload = {
                "room_id": room.room_id,
                "language": room.language,
                "text": text,
                "from": area.code_name if area.key == by.placement.area else None,
            }
            await tx.log.append(NewEntry(Action.ROOM_ANNOUNCED, actor, room.key))
            await tx.outbox.put(
                NewEffect(
                    Actor.DESK,
                    "announce",
                    payload,
                    lane=room.room_id,
                    secret=True,
                )
            )

    def _keys(self, placement: Placement) -> frozenset[RoomKey]:
        return rooms_now(self._network, placement)

    def _check_person(self, member: Member, by: Member) -> None:
        if member.id == by.id:
            raise Refusal(NOT_YOURSELF)
        if rank(self._network, member.placement) >= rank(self._network, by.placement):
            raise Refusal(NOT_THEM)

    async def _room(self, tx: UnitOfWork, key: RoomKey) -> Room:
        room = await tx.rooms.get(key)
        if room is None:
            raise Refusal(NO_ROOM)
        return room


def _conversation(key: RoomKey) -> tuple[RoomKind, str]:
    """Kind and place of a conversation. Nobody misses an alarm, and staff rooms go with a role."""
    kind, _, place = key.partition(":")
    if kind not in (RoomKind.TALK, RoomKind.THEME):
        raise Refusal(NO_CONVERSATION)
    return RoomKind(kind), place
