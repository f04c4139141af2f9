"""What our accounts need to understand people: the commands, and the use cases behind them."""

from banyan.bootstrap.home import Parts
from bots.commands import TABLE
from bots.context import Services
from bots.dispatch import Hearing
from bots.interpreter import Interpreter


def hearing(parts: Parts) -> Hearing:
    """The same for every account of one home."""
    services = Services(
        approvals=parts.approvals,
        freezing=parts.freezing,
        gatherings=parts.gatherings,
        roles=parts.roles,
        rooms=parts.rooms,
    )
    return Hearing(parts.work, parts.clock, parts.network, parts.accounts, services, Interpreter(TABLE))
