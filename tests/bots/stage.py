"""People who talk with the desk and the steward: the real commands over the real store, no homeserver."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from banyan.domain.effects import Actor
from banyan.domain.people import Accounts, Member
from banyan.network import Network
from banyan.services.members import Members
from banyan.services.roles import Roles
from banyan.store import SqlWork, tables
from bots.client import Message, Trust
from bots.declare import Where
from bots.dispatch import Dispatcher, Hearing
from tests.fakes import FakeClock, FakeIds, FakeRegistration, room_id


@dataclass(frozen=True)
class Person:
    """Somebody who is there before a test begins."""

    name: str
    area: str = "KH"
    roles: tuple[str, ...] = ()
    language: str = "en"


async def cast(engine: AsyncEngine, network: Network, *people: Person) -> None:
    """Let these people join, for `grown`; each has a chat with the desk."""
    clock, accounts = FakeClock(), Accounts("banyan.test")
    ids = FakeIds("cast-", [each.name for each in people])
    work, roles = SqlWork(engine, clock, ids), Roles(network, accounts)
    registration = FakeRegistration()
    members = Members(work, clock, ids, network=network, accounts=accounts, registration=registration)
    for each in people:
        invited = await members.invite(each.area, language=each.language)
        await members.arrived(invited.user_id)
        async with work() as tx:
            member = await tx.members.by_localpart(each.name)
            await tx.members.set_chat(member.id, f"!chat-{each.name}")
            for role in each.roles:
                await roles.give(tx, await tx.members.get(member.id), role, by="operator")


@dataclass
class Stage:
    """One network in which members talk."""

    hearing: Hearing
    members: Any
    roles: Any
    effects: Any
    ids: Any
    counter: int = 0
    known_since: datetime | None = None
    """When everybody's identity was first seen."""
    last: dict[str, Message] = field(default_factory=dict)

    async def member(self, name: str, country: str = "KH", *roles: str, language: str = "en") -> Member:
        """Somebody who has joined, has a chat with the desk, and holds these roles."""
        self.ids.names.append(name)
        invited = await self.members.invite(country, language=language)
        await self.members.arrived(invited.user_id)
        async with self.hearing.work() as tx:
            member = await tx.members.by_localpart(name)
            await tx.members.set_chat(member.id, f"!chat-{name}")
            for role in roles:
                await self.roles.give(tx, await tx.members.get(member.id), role, by="operator")
        return await self.look(name)

    async def look(self, name: str) -> Member:
        """The member as they are now."""
        async with self.hearing.work.reading() as tx:
            return await tx.members.by_localpart(name)

    async def say(self, name: str, typed: str, *, in_: str | None = None, **changes: Any) -> list[str]:
        """Let somebody type something, in their chat or in a staff room (`in_="security"`).

        Returns what is said there in answer, message by message.
        """
        message = replace(self.message(name, typed, in_), **changes)
        return await self.hear(message, in_)

    def message(self, name: str, typed: str, in_: str | None = None) -> Message:
        """The message as it ought to be."""
        self.counter += 1
        since = self.known_since or self.hearing.clock.now() - timedelta(days=9)
        return Message(
            room_id=room_id(f"staff:{in_}") if in_ else f"!chat-{name}",
            event_id=f"$said-{self.counter}",
            sender=self.hearing.accounts.member(name),
            device_id="PHONE",
            type="m.room.message",
            content={"msgtype": "m.text", "body": typed},
            encrypted=True,
            trust=Trust.OWNER_SIGNED,
            known_since=int(since.timestamp() * 1000),
            sent_at=0,
        )

    async def tell(self, name: str, typed: str, *, in_: str | None = None) -> None:
        """Let somebody type something, without looking at the answer."""
        await self._deliver(self.message(name, typed, in_), in_)

    async def hear(self, message: Message, in_: str | None = None) -> list[str]:
        """Deliver a message; what is newly said in its room."""
        before = await self._written()
        await self._deliver(message, in_)
        return await self.said(message.room_id, before)

    async def _deliver(self, message: Message, in_: str | None) -> None:
        actor, where = (Actor.STEWARD, Where.STAFF) if in_ else (Actor.DESK, Where.CHAT)
        await Dispatcher(actor, where, self.hearing).hear(message)

    async def said(self, room: str, after: int = 0) -> list[str]:
        """Everything said in a room by the desk or the steward, in order, from a place in the outbox on."""
        of = tables.outbox.c
        async with self.hearing.work.reading() as tx:
            found = await tx.outbox._some(of.lane == room, of.kind == "say", of.seq > after)
        # what was carried out is erased: it counts, and says nothing any more
        return [effect.payload["content"]["body"] if effect.payload else "" for effect in found]

    async def _written(self) -> int:
        newest = (tables.outbox.c.seq.desc(),)
        async with self.hearing.work.reading() as tx:
            found = await tx.outbox._some(limit=1, order=newest)
        return found[0].seq if found else 0
