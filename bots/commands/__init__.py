"""Every command, in one alphabetical table an account."""

from bots.commands import help as help_
from bots.declare import CommandTable

DESK = CommandTable([help_.help_], otherwise=help_.menu)
