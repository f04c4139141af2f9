"""What the core needs of the world. Fakes in `tests/fakes.py`, the real ones in their packages."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from banyan.services.ports.flow import (
    Alerts,
    Answered,
    Checkpoints,
    Log,
    Notary,
    Noted,
    Outbox,
    Senders,
    Uses,
)
from banyan.services.ports.oversight import Audits, Console, Cuts, Identities, Repairs
from banyan.services.ports.people import (
    Checkins,
    Conversations,
    Duties,
    Gatherings,
    Invitations,
    Members,
    Posts,
    Proposals,
    Rooms,
)
from banyan.services.ports.world import Clock, Eye, Ids, Registration, Vault


class UnitOfWork(Protocol):
    """One transaction: a decision, its log entry and its effects are written together or not at all."""

    @property
    def members(self) -> Members: ...
    @property
    def invitations(self) -> Invitations: ...
    @property
    def rooms(self) -> Rooms: ...
    @property
    def senders(self) -> Senders: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def gatherings(self) -> Gatherings: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def checkins(self) -> Checkins: ...
    @property
    def log(self) -> Log: ...
    @property
    def answered(self) -> Answered: ...
    @property
    def uses(self) -> Uses: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def proposals(self) -> Proposals: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def audits(self) -> Audits: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def repairs(self) -> Repairs: ...
    @property
    def duties(self) -> Duties: ...
    @property
    def cuts(self) -> Cuts: ...
    @property
    def noted(self) -> Noted: ...
    @property
    def console(self) -> Console: ...


class Work(Protocol):
    """`async with work() as tx:` commits at the end, rolls back on an exception, wakes the outbox after.

    It excludes every other writer from its first line on, so what it read is still true when it commits.
    Never open one inside another.
    """

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]: ...
    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """One consistent view that waits for nobody; writing in it fails."""


__all__ = [
    "Alerts",
    "Answered",
    "Audits",
    "Checkins",
    "Checkpoints",
    "Clock",
    "Console",
    "Conversations",
    "Cuts",
    "Duties",
    "Eye",
    "Gatherings",
    "Identities",
    "Ids",
    "Invitations",
    "Log",
    "Members",
    "Notary",
    "Noted",
    "Outbox",
    "Posts",
    "Proposals",
    "Registration",
    "Repairs",
    "Rooms",
    "Senders",
    "UnitOfWork",
    "Vault",
    "Work",
]
