"""Those who listen. One that fails stops neither the others nor the sync."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import structlog

from bots.client.events import Membership, Message, Report, ReportKind

log = structlog.get_logger()

AT_ONCE = 20
"""Rooms whose messages are handled at the same time; within a room they keep their order."""

OnMessage = Callable[[Message], Awaitable[None]]
OnReceipt = Callable[[str, str, str], Awaitable[None]]
"""room id, user id, event id: the user has read up to it"""
OnMembership = Callable[[Membership], Awaitable[None]]
OnReport = Callable[[Report], Awaitable[None]]


class Handlers:
    """Handlers by what they listen to. They may be called twice with the same thing, after a crash."""

    def __init__(self, *, patience: float) -> None:
        """`patience`: seconds one handler may take for one event."""
        self._patience = patience
        self.message: list[OnMessage] = []
        self.receipt: list[OnReceipt] = []
        self.membership: list[OnMembership] = []
        self.report: list[OnReport] = []
        self.failures = 0
        """Handlers that raised or took too long."""

    async def tell_messages(self, messages: Iterable[Message]) -> None:
        """Hand out messages: in order within a room, rooms beside each other."""
        by_room: defaultdict[str, list[Message]] = defaultdict(list)
        for message in messages:
            by_room[message.room_id].append(message)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one_room(waiting: list[Message]) -> None:
            async with limit:
                for message in waiting:
                    for handler in self.message:
                        await self._guard(handler(message), message.room_id, message.event_id)

        await asyncio.gather(*(one_room(waiting) for waiting in by_room.values()))

    async def tell_receipts(self, receipts: Iterable[tuple[str, str, str]]) -> None:
        """Hand out receipts."""
        for room_id, user_id, event_id in receipts:
            for handler in self.receipt:
                await self._guard(handler(room_id, user_id, event_id), room_id)

    async def tell_memberships(self, memberships: Iterable[Membership]) -> None:
        """Hand out changes of membership."""
        for membership in memberships:
            for handler in self.membership:
                await self._guard(handler(membership), membership.room_id)

    async def tell_reports(self, reports: Iterable[Report]) -> None:
        """Hand out reports."""
        for report in reports:
            for handler in self.report:
                await self._guard(handler(report), report.room_id, reporting=False)

    async def _guard(
        self,
        call: Awaitable[None],
        room_id: str | None,
        event_id: str | None = None,
        *,
        reporting: bool = True,
    ) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await call
        except Exception as error:  # noqa: BLE001  whatever it is, the next one must hear its message
            self.failures += 1
            # The kind of error only: its text or traceback may quote what somebody wrote.
            log.error("handler.failed", why=type(error).__name__, room_id=room_id)  # noqa: TRY400
            if reporting:
                await self.tell_reports([Report(ReportKind.HANDLER_FAILED, room_id, event_id=event_id)])
