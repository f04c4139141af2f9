"""What happens when two persons stand behind an invitation or a role."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from banyan.domain.approvals import Proposal, ProposalState
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import BanyanError, Refusal
from banyan.i18n import N_
from banyan.services.members import Members
from banyan.services.ports import UnitOfWork
from banyan.services.roles import Roles

TWO_PERSONS = "two-persons"
"""Who acts, in the log: the entries of the proposal before it say which two."""

NO_PLACE = N_("That cannot be done any more: {why}")


class RoleDecision:
    """A role is given or taken. About: `{"member_id", "role", "give"}`."""

    needs = Permission.ROLES
    room = room_key(RoomKind.STAFF, "security")
    lasts = timedelta(hours=72)

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    async def carry_out(self, tx: UnitOfWork, proposal: Proposal) -> None:
        """Give or take it."""
        about = proposal.about
        member = await self._roles.check(tx, about["member_id"], about["role"], give=about["give"])
        change = self._roles.give if about["give"] else self._roles.take
        await change(tx, member, about["role"], by=TWO_PERSONS)

    async def drop(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        """Nothing was changed, so there is nothing to take back."""


class InviteDecision:
    """Somebody is let in. About: `{"country", "themes", "language"}`."""

    needs = Permission.INVITE
    room = room_key(RoomKind.STAFF, "vetting")
    lasts = timedelta(hours=72)

    def __init__(self, members: Members) -> None:
        self._members = members

    async def carry_out(self, tx: UnitOfWork, proposal: Proposal) -> None:
        """Make the invitation, and hand its link to who asked for it, in their own chat."""
        about: Mapping[str, Any] = proposal.about
        author = await tx.members.get(proposal.member_id or "")
        if author is None or author.chat is None:
            raise Refusal(N_("Who asked for this cannot be given the invitation any more."))
        try:
            invited = await self._members.write_invitation(
                tx, about["country"], about["themes"], language=about["language"], by=TWO_PERSONS
            )
        except BanyanError as error:
            raise Refusal(NO_PLACE, why=str(error)) from None
        handed = {
            "room_id": author.chat,
            "language": author.language,
            "user_id": invited.user_id,
            "token": invited.token,
            "expires": invited.expires.isoformat(),
        }
        await tx.outbox.put(NewEffect(Actor.DESK, "invitation", handed, after=invited.ready, secret=True))

    async def drop(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        """Nothing was made, so there is nothing to take back."""
