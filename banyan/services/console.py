"""The door of the console: links that work once, and who of the security staff is in there.

Tokens have 256 bits and are told once; the database has their hashes, which open nothing.
"""

from datetime import timedelta
from hashlib import sha256

from banyan.domain.log import Action, about_member, acting
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.network import Network
from banyan.services.ports import Clock, Ids, UnitOfWork, Work
from policies.permissions import reach

LINK = timedelta(minutes=5)
"""How long a link waits to be used."""

SESSION = timedelta(minutes=30)
"""After it the officer asks for another link, used or not meanwhile: a laptop may be left open."""


class Console:
    """Lets members in who may audit everywhere, and out the moment they may no more."""

    def __init__(self, work: Work, clock: Clock, ids: Ids, *, network: Network, url: str) -> None:
        """`url` is where the private listener is, without a slash at its end."""
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._url = url

    def may_enter(self, member: Member) -> bool:
        """Whether they may audit everywhere: the pages show every area."""
        reached = reach(self._network, member.placement, Permission.AUDIT)
        return reached == {area.key for area in self._network.areas}

    async def link(self, tx: UnitOfWork, member: Member) -> str:
        """Make a link for that member, which works once within `LINK`. To be told in their own chat only."""
        now = self._clock.now()
        await tx.console.forget(now)
        token = self._token()
        await tx.console.add_link(_hash(token), member.id, now + LINK)
        return f"{self._url}/console/open/{token}"

    async def enter(self, token: str, browser: str) -> str | None:
        """Use a link up; the token of a session for that browser. None when the link opens nothing."""
        now = self._clock.now()
        async with self._work() as tx:
            member = await self._officer(tx, await tx.console.use_link(_hash(token), now))
            if member is None:
                return None
            session = self._token()
            await tx.console.add_session(_hash(session), member.id, _hash(browser), now + SESSION)
            await tx.log.append(about_member(Action.CONSOLE_OPENED, acting(member), member))
            return session

    async def officer(self, session: str, browser: str) -> Member | None:
        """Who is in by that session. None when it has ended, or its member may not audit (any more).

        In another browser it was copied: then all sessions of that member end.
        """
        async with self._work.reading() as tx:
            found = await tx.console.session(_hash(session), self._clock.now())
            if found is None:
                return None
            member_id, known = found
            if known == _hash(browser):
                return await self._officer(tx, member_id)
        await self._end(member_id)
        return None

    async def leave(self, member: Member) -> None:
        """End every session of a member, and what links of theirs are left."""
        await self._end(member.id)

    async def _end(self, member_id: str) -> None:
        async with self._work() as tx:
            await tx.console.end_sessions(member_id)

    async def _officer(self, tx: UnitOfWork, member_id: str | None) -> Member | None:
        """The member, if they may be in there now."""
        member = await tx.members.get(member_id) if member_id is not None else None
        if member is None or member.status is not MemberStatus.ADMITTED:
            return None
        return member if self.may_enter(member) else None

    def _token(self) -> str:
        return self._ids.opaque() + self._ids.opaque()


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
