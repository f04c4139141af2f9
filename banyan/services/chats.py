"""The members' chats with the desk: made at admission, one a member."""

from collections.abc import Awaitable, Callable

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Accounts, Member, MemberStatus
from banyan.errors import NotFound
from banyan.services.ports import UnitOfWork, Work
from banyan.services.roster import Roster

Reads = Callable[[str, str], bool]
"""Whether what is said in a room (id) now can be read by a person (user id)."""

Greet = Callable[[UnitOfWork, Member, str], Awaitable[None]]
"""Writes the first words to a member in their chat (room id), in the unit of work that decides it."""


class Chats:
    """Which chat belongs to whom."""

    def __init__(self, work: Work, accounts: Accounts, roster: Roster) -> None:
        self._work = work
        self._accounts = accounts
        self._roster = roster

    async def member(self, member_id: str) -> Member:
        """Raise `NotFound` when there is none."""
        async with self._work.reading() as tx:
            member = await tx.members.get(member_id)
        if member is None:
            raise NotFound("There is no such member.")
        return member

    async def member_of(self, room_id: str, user_id: str) -> Member | None:
        """The admitted member who speaks in their own chat; None for anyone anywhere else."""
        localpart = self._accounts.localpart(user_id)
        if localpart is None:
            return None
        async with self._work.reading() as tx:
            member = await tx.members.by_localpart(localpart)
        ours = member is not None and member.chat == room_id and member.status is MemberStatus.ADMITTED
        return member if ours else None

    async def known(self) -> set[str]:
        """Room ids of all chats."""
        async with self._work.reading() as tx:
            return {member.chat for member in await tx.members.all() if member.chat}

    async def opened(self, member_id: str, room_id: str) -> None:
        """The chat exists: remember it, and have the gate join the member. Safe to repeat."""
        async with self._work() as tx:
            member = await tx.members.get(member_id)
            if member is None:
                raise NotFound("There is no such member.")
            user_id = self._accounts.member(member.localpart)
            if member.chat != room_id:
                await tx.members.set_chat(member_id, room_id)
            await tx.outbox.put(
                NewEffect(
                    Actor.GATE,
                    "allow",
                    {"user_id": user_id, "room_ids": [room_id]},
                    lane=user_id,
                    dedupe=f"chat-allow:{room_id}",
                )
            )
            await tx.outbox.put(
                NewEffect(
                    Actor.GATE, "admit", {"user_id": user_id}, lane=user_id, dedupe=f"chat-admit:{room_id}"
                )
            )
        self._roster.forget()

    async def present(self, user_id: str, reads: Reads, greet: Greet) -> None:
        """A person came, or has a device now: welcome them once they can read it in their chat.

        Not before: what is said to nobody's device can never be read.
        """
        localpart = self._accounts.localpart(user_id)
        if localpart is None:
            return
        async with self._work.reading() as tx:
            member = await tx.members.by_localpart(localpart)
        if member is not None and member.chat and not member.welcomed and reads(member.chat, user_id):
            await self._welcome(member.id, member.chat, greet)

    async def catch_up(self, reads: Reads, greet: Greet) -> None:
        """Welcome those who came while nobody listened."""
        async with self._work.reading() as tx:
            members = await tx.members.all(MemberStatus.ADMITTED)
        for member in members:
            user_id = self._accounts.member(member.localpart)
            if member.chat and not member.welcomed and reads(member.chat, user_id):
                await self._welcome(member.id, member.chat, greet)

    async def _welcome(self, member_id: str, room_id: str, greet: Greet) -> None:
        async with self._work() as tx:
            member = await tx.members.get(member_id)
            if member is None or member.welcomed or member.status is not MemberStatus.ADMITTED:
                return
            await tx.members.set_welcomed(member_id)
            await greet(tx, member, room_id)
