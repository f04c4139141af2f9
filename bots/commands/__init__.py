"""Every command, in one table: the desk and the steward understand the same words."""

from bots.commands import (
    approving,
    freezing,
    gathering,
    help,  # noqa: A004 - named after the words people type
    inviting,
    language,
    roles,
)
from bots.declare import CommandTable

TABLE = CommandTable(
    [
        help.help_,
        approving.waiting,
        approving.approve,
        approving.refuse,
        freezing.freeze,
        inviting.invite,
        roles.give,
        roles.take,
        gathering.gathering,
        gathering.cancel,
        gathering.gatherings,
        language.language,
    ]
)
"""In the order of the menu."""

help.COMMANDS.table = TABLE
