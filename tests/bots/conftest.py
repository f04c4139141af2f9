import pytest

from banyan.domain.approvals import ProposalKind
from banyan.services.approvals import Approvals
from banyan.services.decisions import InviteDecision, RoleDecision
from banyan.services.freezing import Freezing
from banyan.services.gatherings import Gatherings
from banyan.services.rooms import Rooms
from bots.commands import TABLE
from bots.context import Services
from bots.dispatch import Hearing
from bots.interpreter import Interpreter
from tests.bots.stage import Stage


@pytest.fixture
def approvals(work, clock, ids, network, members, roles):
    decisions = {
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
def services(approvals, freezing, gatherings, roles, clock, network, accounts):
    return Services(
        approvals=approvals,
        freezing=freezing,
        gatherings=gatherings,
        roles=roles,
        rooms=Rooms(clock, network, accounts),
    )


@pytest.fixture
def hearing(work, clock, network, accounts, services):
    return Hearing(work, clock, network, accounts, services, Interpreter(TABLE))


@pytest.fixture
def stage(hearing, members, roles, effects, ids, rooms):
    return Stage(hearing, members, roles, effects, ids)
