"""The audit in a running network, and as the operator asks for it on the machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from banyan.bootstrap.crew import Crew
from banyan.bootstrap.home import Parts, open_home
from banyan.bootstrap.waiting import must_exist
from banyan.domain.findings import Audit
from banyan.network import Network
from banyan.schedule import Schedule
from banyan.services.audit import WANTED
from banyan.services.rounds import Rounds
from banyan.settings import Home

TENDED: Final = timedelta(seconds=15)
"""The longest that an audit which another process wants has to wait."""


@dataclass(frozen=True)
class Audited:
    """An audit, and the network that it was made of."""

    audit: Audit
    network: Network


@asynccontextmanager
async def auditing(parts: Parts, crew: Crew) -> AsyncIterator[None]:
    """Audits of themselves: at the start, every morning, after an `apply`."""
    rounds = Rounds(parts.audits, parts.work, parts.clock, parts.network)
    schedule = Schedule()
    schedule.every(TENDED, "audit", rounds.tend)
    crew.start("audits", schedule.run())
    try:
        yield
    finally:
        await crew.stop("audits")


async def want_audit(parts: Parts) -> None:
    """Have the running service make one: something was changed here, and it cannot be told otherwise."""
    async with parts.work() as tx:
        await tx.noted.set(WANTED, parts.ids.opaque())


async def audit_now(home: Home) -> Audited:
    """Make an audit, and keep it. Raise `Blind` where the homeserver cannot be seen."""
    must_exist(home)
    async with open_home(home) as parts:
        return Audited(await parts.audits.run("asked"), parts.network)
