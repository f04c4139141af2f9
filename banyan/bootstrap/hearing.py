"""What our accounts need to understand people: the commands, and the use cases behind them."""

from banyan.bootstrap.home import Parts
from banyan.services.remedies import Remedies
from bots.commands import TABLE
from bots.context import Services
from bots.dispatch import Hearing
from bots.interpreter import Interpreter
from bots.polls import RESPONSE
from bots.rollcall import tapped


def hearing(parts: Parts) -> Hearing:
    """The same for every account of one home."""
    services = Services(
        approvals=parts.approvals,
        console=parts.console,
        freezing=parts.freezing,
        gatherings=parts.gatherings,
        raising=parts.raising,
        remedies=Remedies(parts.accounts),
        reports=parts.reports,
        roll_call=parts.roll_call,
        roles=parts.roles,
        rooms=parts.rooms,
    )
    interpreter, taps = Interpreter(TABLE), {RESPONSE: tapped}
    return Hearing(parts.work, parts.clock, parts.network, parts.accounts, services, interpreter, taps)
