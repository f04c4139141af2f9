import pytest

from banyan.domain.approvals import ProposalKind
from banyan.services.approvals import Approvals
from banyan.services.decisions import InviteDecision, RoleDecision
from bots.commands import TABLE
from bots.context import Services
from bots.dispatch import Hearing
from bots.interpreter import Interpreter
from tests.bots.stage import Stage


@pytest.fixture
def approvals(work, clock, ids, network, members, roles):
    decisions = {ProposalKind.INVITE: InviteDecision(members), ProposalKind.ROLE: RoleDecision(roles)}
    return Approvals(work, clock, ids, network, decisions)


@pytest.fixture
def services(approvals):
    return Services(approvals=approvals)


@pytest.fixture
def hearing(work, clock, network, accounts, services):
    return Hearing(work, clock, network, accounts, services, Interpreter(TABLE))


@pytest.fixture
def stage(hearing, members, roles, effects, ids, rooms):
    return Stage(hearing, members, roles, effects, ids)
