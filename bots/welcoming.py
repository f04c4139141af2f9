"""The first words to a newcomer: said once they can be read, and ending with the first thing to answer."""

from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member
from banyan.i18n import N_, Text
from banyan.services.chats import Chats
from banyan.services.ports import UnitOfWork
from bots.client import Membership, Report, ReportKind
from bots.declare import Where
from bots.desk import Desk
from bots.dispatch import Hearing
from bots.texts import message

WELCOME = (
    N_("Welcome, {name}. I am the desk, a program that helps the members of this network."),
    N_("Here you are called {name}. Please do not write your real name in any room."),
    N_("I will never ask for your passphrase or your recovery key. Give them to nobody."),
)

FIRST = "start"
"""Name of the command that the welcome begins."""


class Welcome:
    """Waits for newcomers: they come, or have a device, in any order, perhaps while nobody listened."""

    def __init__(self, desk: Desk, chats: Chats, hearing: Hearing) -> None:
        self._desk = desk
        self._chats = chats
        self._hearing = hearing

    async def catch_up(self) -> None:
        """Welcome those who could be welcomed when we last stopped. What comes later is reported."""
        await self._chats.catch_up(self._desk.reads, self.greet)

    async def reported(self, report: Report) -> None:
        """Somebody has a device now that they vouch for."""
        match report:
            case Report(ReportKind.REACHABLE, user_id=str(user_id)):
                await self._chats.present(user_id, self._desk.reads, self.greet)

    async def joined(self, news: Membership) -> None:
        """Somebody came into a room of ours."""
        if news.membership == "join":
            await self._chats.present(news.user_id, self._desk.reads, self.greet)

    async def greet(self, tx: UnitOfWork, member: Member, room_id: str) -> None:
        """Say the first words in the member's chat, and ask the first question."""
        ctx = self._hearing.context(tx, member, room_id)
        asked = await self._hearing.interpreter.begin(ctx, Where.CHAT, FIRST)
        first = [Text(each, name=member.localpart) for each in WELCOME]
        content = message([*first, *asked.paragraphs], member.language, rings=True)
        payload = {"room_id": room_id, "content": content}
        await tx.outbox.put(NewEffect(Actor.DESK, "say", payload, lane=room_id, secret=True))
