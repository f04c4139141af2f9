"""Every command, in one table: the desk and the steward understand the same words."""

from bots.commands import (
    alerting,
    answering,
    approving,
    auditing,
    coach,
    console,
    freezing,
    gathering,
    help,  # noqa: A004 - named after the words people type
    hours,
    inviting,
    language,
    me,
    roles,
    rooms,
)
from bots.declare import CommandTable

TABLE = CommandTable(
    [
        help.help_,
        alerting.alert,
        alerting.careful,
        answering.answers,
        answering.answer,
        answering.safe,
        answering.need_help,
        answering.cannot_talk,
        approving.waiting,
        approving.approve,
        approving.refuse,
        freezing.freeze,
        hours.hours,
        auditing.audit,
        auditing.audit_room,
        auditing.audit_member,
        auditing.finding,
        auditing.repair,
        console.console,
        inviting.invite,
        roles.give,
        roles.take,
        gathering.gathering,
        gathering.cancel,
        gathering.gatherings,
        rooms.members,
        rooms.invite,
        rooms.remove,
        rooms.announce,
        rooms.rooms,
        me.me,
        coach.start,
        coach.device,
        coach.recovery,
        coach.lock_screen,
        coach.last,
        language.language,
    ]
)
"""In the order of the menu."""

help.COMMANDS.table = TABLE
