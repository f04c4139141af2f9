"""The one mechanism for everything that needs two persons (DESIGN, decision 14).

A proposal is shown to those who may decide. Whoever types its digits has read it and stands behind it. When
`NEEDED` distinct persons do, it is carried out in the same unit of work. It counts once, and it runs out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from banyan.domain.approvals import NEEDED, Proposal, ProposalKind, ProposalState
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.log import Action, NewEntry
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKey
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.ports import Clock, Ids, UnitOfWork, Work
from policies.permissions import reach

MOST = 20
"""Requests of one member that may wait at once."""

FRESH = timedelta(days=7)
"""How long the digits of a request that is over are not used again: somebody may still answer it."""

CROWDED = 4500
"""With more digits than that in use, half of all, those of requests that are over are used again."""

UNKNOWN = N_("No request waits under {code}. Write “waiting” to see those that do.")
ABOUT_YOU = N_("This is about yourself, so others have to ask for it and decide.")
ENOUGH = N_("{count} requests of yours wait already. End one of them first.")
OWN = N_("You asked for this yourself. Somebody else has to write its number.")
TOO_NEW = N_(
    "I have known your device for a shorter time than this request waits, so I cannot count you. Somebody "
    "else has to write its number."
)
TOO_MANY = N_(
    "You have sent {count} of these within an hour, so I did nothing. Ask a colleague to send it, in case "
    "your own phone is in the wrong hands."
)
COUNTED = N_("You are counted already. Somebody else has to write its number.")

AUTHOR_FROZEN = "author-frozen"
"""Reason code of a request that ended with all access of who had asked for it."""

logger = structlog.get_logger()


ESTABLISHED = timedelta(hours=1)
"""An identity younger than this does not stand behind what it asks for: whoever holds the server can make a
new one for somebody who never had any."""


HOURLY = 20
"""Requests of one member in an hour: each rings a staff room, and a stolen phone must not do it all night."""


class Decision(Protocol):
    """What one kind of proposal is: who decides, where it is shown, what happens."""

    needs: Permission
    """Held by everybody who may decide."""
    room: RoomKey
    """The staff room in which it is shown."""
    lasts: timedelta

    async def carry_out(self, tx: UnitOfWork, proposal: Proposal) -> None:
        """Do it. Raise `Refusal` when it cannot be done any more: then nobody's approval is counted."""

    async def drop(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        """It was refused or ran out."""


@dataclass(frozen=True)
class Counted:
    """What came of an approval."""

    proposal: Proposal
    missing: int
    """Persons still needed; 0 when it is done."""


class Approvals:
    """Proposing, approving, refusing, reminding, running out."""

    def __init__(
        self, work: Work, clock: Clock, ids: Ids, network: Network, decisions: Mapping[ProposalKind, Decision]
    ) -> None:
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._decisions = decisions

    async def propose(
        self,
        tx: UnitOfWork,
        kind: ProposalKind,
        about: Mapping[str, Any],
        *,
        author: str,
        member: Member | None = None,
        known_since: datetime | None = None,
        until: datetime | None = None,
    ) -> Proposal:
        """Show a request to those who may decide. It runs out after the kind's time, at latest at `until`.

        A `member` who may decide about it is the first who stands behind it, if their identity has been known
        long enough: `known_since` is when it was first seen.
        `about` says what `Decision` wants to know, and for every kind, where it applies: `member_id`, whom it
        is about (they neither ask nor decide), and `areas`, the keys that who decides has to reach. Raise
        `Refusal`.
        """
        decision, now = self._decisions[kind], self._clock.now()
        expires = min(now + decision.lasts, until) if until else now + decision.lasts
        if member is not None and about.get("member_id") == member.id:
            raise Refusal(ABOUT_YOU)
        waiting = await tx.proposals.waiting()
        if member is not None and sum(each.member_id == member.id for each in waiting) >= MOST:
            raise Refusal(ENOUGH, count=MOST)
        if member is not None and await tx.proposals.count_of(member.id, now - timedelta(hours=1)) >= HOURLY:
            raise Refusal(TOO_MANY, count=HOURLY)
        taken = await tx.proposals.codes(now - FRESH)
        if len(taken) > CROWDED:
            taken = frozenset(each.code for each in waiting)
        code = next(code for code in iter(self._ids.code, None) if code not in taken)
        proposal = Proposal(
            self._ids.opaque(), kind, about, author, member.id if member else None, code, now, expires
        )
        await tx.proposals.add(proposal)
        await tx.log.append(NewEntry(Action.PROPOSED, author, proposal.id, details={"kind": kind.value}))
        if member is not None and known_since is not None and known_since <= now - ESTABLISHED:
            await tx.proposals.approve(proposal.id, member.id, now)
        await self._show(tx, proposal, "proposal")
        return proposal

    async def approve(
        self, tx: UnitOfWork, code: str, member: Member, *, by: str, known_since: datetime | None
    ) -> Counted:
        """Count one person, and carry the proposal out when they are enough.

        `known_since` is when that person's identity was first seen: one that is younger than the proposal
        could have been made for it. Raise `Refusal`; nothing is counted then.
        """
        proposal = await self._waiting(tx, code, member)
        if proposal.member_id == member.id:
            raise Refusal(OWN)
        if known_since is None or known_since >= proposal.created:
            raise Refusal(TOO_NEW)
        if not await tx.proposals.approve(proposal.id, member.id, self._clock.now()):
            raise Refusal(COUNTED)
        await tx.log.append(NewEntry(Action.APPROVED, by, proposal.id))
        missing = NEEDED - await self._standing(tx, proposal)
        if missing <= 0:
            await tx.proposals.end(proposal.id, ProposalState.APPROVED)
            await self._decisions[proposal.kind].carry_out(tx, proposal)
        return Counted(proposal, max(0, missing))

    async def refuse(self, tx: UnitOfWork, code: str, member: Member, *, by: str) -> None:
        """End a proposal for good: one person who may decide, or who asked, is enough. Raise `Refusal`."""
        proposal = await self._waiting(tx, code, member)
        await tx.log.append(NewEntry(Action.REFUSED, by, proposal.id))
        await self._end(tx, proposal, ProposalState.REFUSED)

    async def waiting(self, tx: UnitOfWork, member: Member) -> Sequence[Proposal]:
        """Those that wait and that this member may decide about, or asked for."""
        return [
            proposal
            for proposal in await self._open(tx)
            if self._may(proposal, member) or proposal.member_id == member.id
        ]

    def room(self, proposal: Proposal) -> RoomKey:
        """The staff room in which it is shown."""
        return self._decisions[proposal.kind].room

    async def get(self, proposal_id: str) -> Proposal | None:
        """The proposal with that id."""
        async with self._work.reading() as tx:
            return await tx.proposals.get(proposal_id)

    async def tend(self) -> None:
        """Remind of those that have waited half their time, once; end those that ran out or are void."""
        async with self._work.reading() as tx:
            waiting = await tx.proposals.waiting()
        for proposal in waiting:
            try:
                async with self._work() as tx:
                    await self._tend(tx, proposal.id)
            except Exception as error:  # noqa: BLE001 - one that cannot be ended must not hold up the others
                logger.error("proposal-failed", proposal=proposal.id, error=type(error).__name__)  # noqa: TRY400

    async def _tend(self, tx: UnitOfWork, proposal_id: str) -> None:
        proposal, now = await tx.proposals.get(proposal_id), self._clock.now()
        if proposal is None or proposal.state is not ProposalState.WAITING:
            return
        if proposal.expires <= now:
            await tx.log.append(NewEntry(Action.PROPOSAL_EXPIRED, "service:schedule", proposal.id))
            await self._end(tx, proposal, ProposalState.EXPIRED)
            await self._show(tx, proposal, "proposal_over")
        elif await self._void(tx, proposal):
            entry = NewEntry(Action.REFUSED, "service:schedule", proposal.id, AUTHOR_FROZEN)
            await tx.log.append(entry)
            await self._end(tx, proposal, ProposalState.REFUSED)
            await self._show(tx, proposal, "proposal_over")
        elif not proposal.reminded and now - proposal.created >= proposal.expires - now:
            await tx.proposals.set_reminded(proposal.id)
            await self._show(tx, proposal, "proposal_waits")

    async def _waiting(self, tx: UnitOfWork, code: str, member: Member) -> Proposal:
        for proposal in await self._open(tx):
            if proposal.code == code:
                if self._may(proposal, member) or proposal.member_id == member.id:
                    return proposal
                if proposal.about.get("member_id") == member.id:
                    raise Refusal(ABOUT_YOU)
        raise Refusal(UNKNOWN, code=code)  # also to those who may not know that one waits

    async def _open(self, tx: UnitOfWork) -> Sequence[Proposal]:
        """Those that may be decided now."""
        now, waiting = self._clock.now(), await tx.proposals.waiting()
        return [each for each in waiting if each.expires > now and not await self._void(tx, each)]

    async def _void(self, tx: UnitOfWork, proposal: Proposal) -> bool:
        """Whether who asked was frozen since: whoever holds their phone may have asked."""
        author = await tx.members.get(proposal.member_id) if proposal.member_id else None
        return author is not None and author.status is MemberStatus.FROZEN

    async def _standing(self, tx: UnitOfWork, proposal: Proposal) -> int:
        """How many stand behind it now: those who lost the right meanwhile no longer do."""
        behind = await tx.proposals.approvers(proposal.id)
        found = [await tx.members.get(member_id) for member_id in behind]
        return sum(member is not None and self._may(proposal, member) for member in found)

    def _may(self, proposal: Proposal, member: Member) -> bool:
        """Whether that member may be one of the persons: they hold the permission where it takes effect."""
        if member.status is not MemberStatus.ADMITTED or proposal.about.get("member_id") == member.id:
            return False
        reached = reach(self._network, member.placement, self._decisions[proposal.kind].needs)
        return bool(reached) and reached.issuperset(proposal.about.get("areas", ()))

    async def _end(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        await tx.proposals.end(proposal.id, state)
        await self._decisions[proposal.kind].drop(tx, proposal, state)

    async def _show(self, tx: UnitOfWork, proposal: Proposal, kind: str) -> None:
        """Have the steward say something about it; nothing where the room does not exist yet."""
        room = await tx.rooms.get(self._decisions[proposal.kind].room)
        if room is None:
            return
        payload = {
            "proposal_id": proposal.id,
            "room_id": room.room_id,
            "language": room.language,
            "zone": self._network.regional.time_zone,
        }
        once = f"{kind}:{proposal.id}"
        await tx.outbox.put(
            NewEffect(Actor.STEWARD, kind, payload, lane=room.room_id, subject=proposal.id, dedupe=once)
        )
