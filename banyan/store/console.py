"""Single-use links to the console, and who is in there."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from banyan.store.tables import links, sessions


class SqlConsole:
    """`ports.Console`. Tokens come in hashed; what is kept opens nothing."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_link(self, token_hash: str, member_id: str, expires: datetime) -> None:
        """Remember a link."""
        row = {"token_hash": token_hash, "member_id": member_id, "expires": expires}
        await self._connection.execute(links.insert().values(row))

    async def use_link(self, token_hash: str, now: datetime) -> str | None:
        """Whose link that is, once: it is gone by this, too late or not. None when it opens nothing."""
        query = select(links.c.member_id, links.c.expires).where(links.c.token_hash == token_hash)
        row = (await self._connection.execute(query)).one_or_none()
        await self._connection.execute(delete(links).where(links.c.token_hash == token_hash))
        return row.member_id if row is not None and row.expires > now else None

    async def add_session(self, token_hash: str, member_id: str, browser: str, expires: datetime) -> None:
        """Remember who is in, by which browser."""
        row = {"token_hash": token_hash, "member_id": member_id, "browser": browser, "expires": expires}
        await self._connection.execute(sessions.insert().values(row))

    async def session(self, token_hash: str, now: datetime) -> tuple[str, str] | None:
        """Member id and browser of a session that has not ended."""
        query = select(sessions.c.member_id, sessions.c.browser).where(
            sessions.c.token_hash == token_hash, sessions.c.expires > now
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else (row.member_id, row.browser)

    async def end_sessions(self, member_id: str) -> None:
        """Put somebody out, and let no link of theirs in again."""
        await self._connection.execute(delete(sessions).where(sessions.c.member_id == member_id))
        await self._connection.execute(delete(links).where(links.c.member_id == member_id))

    async def forget(self, now: datetime) -> int:
        """Erase what has ended by then; how many rows."""
        gone = await self._connection.execute(delete(sessions).where(sessions.c.expires <= now))
        also = await self._connection.execute(delete(links).where(links.c.expires <= now))
        return gone.rowcount + also.rowcount
