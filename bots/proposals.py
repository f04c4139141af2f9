"""What the steward says about proposals: what it is about, its digits, how it ends."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from banyan.domain.approvals import Proposal, ProposalKind, ProposalState
from banyan.domain.effects import Effect
from banyan.i18n import N_, Text
from banyan.services.approvals import Approvals
from banyan.services.outbox import Handler, Never
from banyan.services.ports import UnitOfWork, Work
from bots.outgoing import Outgoing
from bots.texts import messages

ASKED = N_("{who} asks for something that needs two persons:")
HOW = N_("Do you stand behind it? Then write {code}. To end it write: refuse {code}. It runs out {until}.")
STILL = N_("Request {code} still waits for a second person. It runs out {until}.")
RAN_OUT = N_("Request {code} has run out. Nothing was done.")
VOID = N_(
    "Request {code} is void, because all access of who asked for it was ended. Nothing was done. If you know "
    "it to be right, ask for it yourselves."
)
GIVE, TAKE = N_("Give {member} the role “{role}”."), N_("Take the role “{role}” from {member}.")
LET_IN = N_("Let a new member in: {area}, themes: {themes}.")
NONE = N_("none")


Preview = Callable[[UnitOfWork, Proposal], Awaitable[Sequence[Text]]]
"""Words what one kind of proposal would do. Raises `Never` when there is nothing left to show."""


async def role_preview(tx: UnitOfWork, proposal: Proposal) -> Sequence[Text]:
    """Whose role, and which."""
    about = proposal.about
    member = await tx.members.get(about["member_id"])
    if member is None:
        raise Never("no-such-member")
    template = GIVE if about["give"] else TAKE
    return [Text(template, member=member.localpart, role=role_name(about["role"]))]


async def invite_preview(_tx: UnitOfWork, proposal: Proposal) -> Sequence[Text]:
    """Where the new member will be."""
    return [let_in(proposal.about["country"], proposal.about["themes"])]


def let_in(country: str, themes: Sequence[str]) -> Text:
    """Say where a new member would be."""
    listed = Text("{themes}", themes=", ".join(themes)) if themes else Text(NONE)
    return Text(LET_IN, area=country, themes=listed)


def author_name(proposal: Proposal) -> str:
    """Who asked, as people write it: `teal-otter (security officer)`."""
    role, _, name = proposal.author.partition(":")
    return f"{name} ({role_name(role).replace('+', ', ')})" if name else role


def role_name(role: str) -> str:
    """A role of the network file, as people write it."""
    return role.replace("_", " ")


PREVIEWS: Mapping[ProposalKind, Preview] = {
    ProposalKind.INVITE: invite_preview,
    ProposalKind.ROLE: role_preview,
}


class Proposals:
    """Handlers of the steward's effects about proposals."""

    def __init__(
        self,
        outgoing: Outgoing,
        approvals: Approvals,
        work: Work,
        previews: Mapping[ProposalKind, Preview] = PREVIEWS,
    ) -> None:
        self._outgoing = outgoing
        self._approvals = approvals
        self._work = work
        self._previews = previews

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Effect kind → what is done about it."""
        return {"proposal": self.show, "proposal_waits": self.remind, "proposal_over": self.over}

    async def show(self, effect: Effect) -> Mapping[str, Any]:
        """Show what is asked for, and its digits. Result: `{"event_id"}`."""
        proposal = await self._proposal(effect)
        async with self._work.reading() as tx:
            preview = await self._previews[proposal.kind](tx, proposal)
        how = Text(HOW, code=proposal.code, until=proposal.expires)
        return await self._say(effect, [Text(ASKED, who=author_name(proposal)), *preview, how])

    async def remind(self, effect: Effect) -> Mapping[str, Any]:
        """Say that it still waits, unless it was decided meanwhile."""
        proposal = await self._proposal(effect)
        if proposal.state is not ProposalState.WAITING:
            raise Never("decided")
        return await self._say(effect, [Text(STILL, code=proposal.code, until=proposal.expires)])

    async def over(self, effect: Effect) -> Mapping[str, Any]:
        """Say that it ran out, or is void."""
        proposal = await self._proposal(effect)
        why = RAN_OUT if proposal.state is ProposalState.EXPIRED else VOID
        return await self._say(effect, [Text(why, code=proposal.code)], rings=False)

    async def _proposal(self, effect: Effect) -> Proposal:
        proposal = await self._approvals.get(effect.payload["proposal_id"])
        if proposal is None:
            raise Never("no-such-proposal")
        return proposal

    async def _say(self, effect: Effect, said: Sequence[Text], *, rings: bool = True) -> Mapping[str, Any]:
        room_id, language, zone = (effect.payload[name] for name in ("room_id", "language", "zone"))
        *before, last = messages(said, language, zone, rings=rings)
        for number, content in enumerate(before, start=1):
            await self._outgoing.send(effect, room_id, content, part=f"-{number}")
        if rings:
            last["m.mentions"] = {"room": True}
        return {"event_id": await self._outgoing.send(effect, room_id, last)}
