"""The audit: look at everything, judge it by the rules, keep what they say."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from banyan.domain.findings import Audit, Finding, Judgement
from banyan.domain.people import Accounts
from banyan.domain.sight import Sight
from banyan.errors import BanyanError, HomeserverDown
from banyan.network import Network
from banyan.services.books import Books, read_books
from banyan.services.ports import Clock, Eye, Ids, UnitOfWork, Work
from banyan.services.reach import uncovered
from banyan.services.world import Baseline, world_of
from policies.engine import judge
from policies.partners import servers_of
from policies.rules import RULES

WANTED = "audit-wanted"
"""What another process notes when it has changed something: any value that was not there before."""

Told = Callable[[UnitOfWork, Audit], Awaitable[None]]
"""Hears of an audit in the unit of work that keeps it; `tx.audits.latest()` is still the one before."""


class Blind(BanyanError):
    """Nothing could be seen, so nothing is known to be right."""

    code = "audit-blind"


async def _nobody(_tx: UnitOfWork, _audit: Audit) -> None:
    """Nobody is told."""


class Audits:
    """Making audits, and what they said."""

    def __init__(
        self,
        work: Work,
        clock: Clock,
        ids: Ids,
        eye: Eye,
        *,
        network: Network,
        accounts: Accounts,
        baseline: Callable[[Collection[str]], Baseline],
        told: Told = _nobody,
    ) -> None:
        """`baseline` is asked for each audit, with the partner servers that are not cut off."""
        self._work = work
        self._clock = clock
        self._ids = ids
        self._eye = eye
        self._network = network
        self._accounts = accounts
        self._baseline = baseline
        self.told = told

    async def run(self, cause: str) -> Audit:
        """Make an audit and keep it. `cause` is `daily`, `apply`, `asked` or `start`.

        Who is seen for the first time is from then on known by that identity. Raise `Blind`: an audit that
        cannot see finds nothing, and that is no good news.
        """
        audit, sight, books = await self._make(cause)
        async with self._work() as tx:
            await tx.identities.pin(self._unknown(sight, books), audit.at)
            await self.told(tx, audit)
            await tx.audits.add(audit)
        return audit

    async def _make(self, cause: str) -> tuple[Audit, Sight, Books]:
        try:
            sight = await self._eye.look()
        except HomeserverDown:
            raise Blind(
                "The homeserver does not answer, so nothing could be checked. Is the network up? "
                "Look at `logs/`, then ask again."
            ) from None
        except (BanyanError, LookupError, TypeError, ValueError) as error:  # the last: not what a gate says
            raise Blind(
                f"The homeserver answers, but does not let the audit look ({type(error).__name__}): nothing "
                "could be checked. Does the gate run in it? Start the network anew, then ask again."
            ) from None
        # what is seen first and read second: who came in between is known to the books
        async with self._work.reading() as tx:
            books = await read_books(tx, sight.at, sight.tokens)
        judgement = await asyncio.to_thread(self._judge, sight, books)  # an alarm must not wait for it
        audit = Audit(
            id=self._ids.opaque(),
            at=sight.at,
            cause=cause,
            judgement=judgement,
            rooms=len(sight.rooms),
            members=len(books.members),
            uncovered=uncovered(self._network, books.members, books.duties, sight.at),
        )
        return audit, sight, books

    def _judge(self, sight: Sight, books: Books) -> Judgement:
        baseline = self._baseline(servers_of(self._network, books.cuts))
        world = world_of(sight, books, self._network, self._accounts, baseline)
        return judge(world, RULES)

    def _unknown(self, sight: Sight, books: Books) -> dict[str, str]:
        """User id → identity, of members whom no audit has seen before."""
        members = {self._accounts.member(member.localpart) for member in books.members}
        members -= books.identities.keys()
        return {
            account.user_id: account.master_key
            for account in sight.accounts
            if account.master_key and account.user_id in members
        }


def concerning(judgement: Judgement, *names: str) -> Judgement:
    """What is said of one room or member: they are its subject, or it names them."""

    def some(findings: Sequence[Finding]) -> tuple[Finding, ...]:
        return tuple(
            each
            for each in findings
            if each.subject.name in names or not {*names}.isdisjoint(map(str, each.values.values()))
        )

    return Judgement(some(judgement.findings), some(judgement.waived), some(judgement.separations))
