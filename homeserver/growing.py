"""Growing the network: look, plan, apply, and look again until nothing is left to change."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from banyan.domain.people import Accounts
from banyan.domain.plan import Plan
from banyan.domain.rooms import Room, RoomKey
from banyan.errors import BanyanError
from homeserver.acting import Homeserver
from homeserver.apply import Progress, Report, Unwatched, apply
from homeserver.desired import DesiredRoom
from homeserver.observe import observe
from homeserver.plan import plan
from homeserver.reconcile import People
from homeserver.steps import Record

_ROUNDS: Final = 3

Books = Callable[[], Awaitable[Sequence[Room]]]
"""The rooms we have written down."""


class NotSettled(BanyanError):
    """Somebody else changes the rooms while they are being set."""

    code = "not-settled"


@dataclass(frozen=True)
class Grower:
    """Everything that growing needs. `record` must write a room down where `books` reads it."""

    homeserver: Homeserver
    accounts: Accounts
    desired: Sequence[DesiredRoom]
    books: Books
    record: Record
    progress: Progress = field(default_factory=Unwatched)
    people: Mapping[RoomKey, People] | None = None
    """Who may be in each room; None: nobody is judged."""

    async def plan(self) -> Plan:
        """Return what would change. Writes nothing. Raises as `Homeserver`."""
        observed = await observe(self.homeserver, self.accounts)
        return plan(self.desired, observed, self.accounts, await self.books(), self.people)

    async def grow(self, *, allow_removals: bool = False) -> Report:
        """Change what differs and return what was done. 0 writes when nothing differs.

        It looks again afterwards, for some steps show only then: the keeper is let go where it had to come
        back, rooms under a space made anew open to it, and a room that an interrupted run had asked for may
        have been finished by the homeserver meanwhile.

        Raises `RemovalsNotAllowed` and `KeeperAway` before anything is touched, `NotSettled`, and as
        `Homeserver`.
        """
        report = Report()
        for _ in range(_ROUNDS):
            changes = await self.plan()
            if not changes:
                return report
            report += await apply(
                changes,
                self.desired,
                self.homeserver,
                self.accounts,
                record=self.record,
                progress=self.progress,
                allow_removals=allow_removals,
            )
        if await self.plan():
            raise NotSettled(
                "The rooms still differ from the network file after three rounds. Is another `banyan apply` "
                "running? Run `banyan plan` to see what differs."
            )
        return report
