from functools import cache
from pathlib import Path

import pytest

from banyan.domain.approvals import ProposalKind
from banyan.domain.findings import Audit, Judgement
from banyan.services.alert_decision import AlertDecision
from banyan.services.approvals import Approvals
from banyan.services.console import Console
from banyan.services.decisions import InviteDecision, RoleDecision
from banyan.services.freezing import Freezing
from banyan.services.gatherings import Gatherings
from banyan.services.raising import Raising
from banyan.services.releasing import Releasing
from banyan.services.remedies import Remedies
from banyan.services.reporting import Reports
from banyan.services.rollcall import RollCall
from banyan.services.rooms import Rooms
from bots.commands import TABLE
from bots.context import Services
from bots.dispatch import Hearing
from bots.findings import words
from bots.interpreter import Interpreter
from bots.polls import RESPONSE
from bots.rollcall import tapped
from tests.banyan.stores import grown
from tests.bots.audits import SECURITY
from tests.bots.stage import Person, Stage, cast
from tests.fakes import FakeVault


@pytest.fixture
def releasing(clock, network):
    return Releasing(clock, network)


@pytest.fixture
def roll_call(work, clock, network):
    return RollCall(work, clock, network=network, vault=FakeVault())


@pytest.fixture
def approvals(work, clock, ids, network, members, roles, releasing):
    decisions = {
        ProposalKind.ALERT: AlertDecision(releasing, clock),
        ProposalKind.INVITE: InviteDecision(members, network),
        ProposalKind.ROLE: RoleDecision(roles),
    }
    return Approvals(work, clock, ids, network, decisions)


@pytest.fixture
def freezing(clock, network, accounts):
    return Freezing(clock, network, accounts)


@pytest.fixture
def gatherings(work, clock, ids, network, accounts):
    return Gatherings(work, clock, ids, network=network, accounts=accounts)


@pytest.fixture
def console(work, clock, ids, network):
    return Console(work, clock, ids, network=network, url="http://127.0.0.1:8011")


@pytest.fixture
def services(
    approvals, console, freezing, gatherings, roles, releasing, roll_call, clock, ids, network, accounts
):
    return Services(
        approvals=approvals,
        console=console,
        freezing=freezing,
        gatherings=gatherings,
        raising=Raising(clock, ids, network=network, releasing=releasing, approvals=approvals),
        remedies=Remedies(accounts),
        reports=Reports(network, words(network)),
        roll_call=roll_call,
        roles=roles,
        rooms=Rooms(clock, network, accounts),
    )


@pytest.fixture
def hearing(work, clock, network, accounts, services):
    interpreter, taps = Interpreter(TABLE), {RESPONSE: tapped}
    return Hearing(work, clock, network, accounts, services, interpreter, taps)


@pytest.fixture
def stage(hearing, members, roles, effects, ids, rooms):
    return Stage(hearing, members, roles, effects, ids)


@pytest.fixture(scope="session")
def with_cast(empty_database, tmp_path_factory, network):
    """Return a function: the database in which these people have joined; each is made once."""

    @cache
    def of(*people: Person) -> Path:
        directory = tmp_path_factory.mktemp("cast")
        return grown(empty_database, directory, lambda engine: cast(engine, network, *people))

    return of


@pytest.fixture
def staff(stage):
    """Whoever is there before the test begins."""
    return stage


@pytest.fixture
def audited(staff):
    """Keep an audit as the service does; what is said in the security room of it."""
    hearing = staff.hearing

    async def keep(*findings, cause="daily", uncovered=()):
        before = len(await staff.said(SECURITY))
        audit = Audit(
            id=staff.ids.opaque(),
            at=hearing.clock.now(),
            cause=cause,
            judgement=Judgement(tuple(findings)),
            rooms=60,
            members=4,
            uncovered=uncovered,
        )
        async with hearing.work() as tx:
            await hearing.services.reports.told(tx, audit)
            await tx.audits.add(audit)
        hearing.clock.forward(minutes=1)
        return (await staff.said(SECURITY))[before:]

    return keep
