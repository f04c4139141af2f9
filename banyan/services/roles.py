"""Giving and taking roles, and the rooms that go with them."""

from dataclasses import replace

from banyan.domain.log import Action, about_member
from banyan.domain.people import LET_IN, Accounts, Member, MemberStatus
from banyan.errors import IllegalMove, Refusal
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.access import join, leave, let_in
from banyan.services.looking import set_powers
from banyan.services.ports import UnitOfWork
from policies.placement import rooms_now, rooms_of

HAS_IT = N_("They have that role already.")
HAS_IT_NOT = N_("They do not have that role.")
NO_ROLE = N_("There is no such role any more.")


class Roles:
    """Who holds which role."""

    def __init__(self, network: Network, accounts: Accounts) -> None:
        self._network = network
        self._accounts = accounts

    async def check(self, tx: UnitOfWork, member_id: str, role: str, *, give: bool) -> Member:
        """The member, when giving or taking the role would change something. Raise `Refusal`."""
        if give and role not in self._network.roles:
            raise Refusal(NO_ROLE)
        member = await tx.members.get(member_id)
        if member is None or member.status is not MemberStatus.ADMITTED:
            raise Refusal(N_("This member is not there any more."))
        if give == (role in member.placement.roles):
            raise Refusal(HAS_IT if give else HAS_IT_NOT)
        return member

    async def give(self, tx: UnitOfWork, member: Member, role: str, *, by: str) -> None:
        """Let the member into the role's rooms. Nothing happens when they have it.

        Raise `NotFound` for a role there is none of, `IllegalMove` for somebody who is not here.
        """
        if member.status not in LET_IN:
            raise IllegalMove("This invitation has run out, or the member is frozen. Invite again first.")
        after = replace(member.placement, roles=member.placement.roles | {role})
        keys = rooms_of(self._network, after)
        if after == member.placement:
            return
        await tx.members.grant(member.id, role)
        await tx.log.append(about_member(Action.ROLE_GRANTED, by, member, details={"role": role}))
        user_id = self._accounts.member(member.localpart)
        await let_in(tx, user_id, keys)
        if member.status is MemberStatus.ADMITTED:
            await join(tx, user_id)
            await set_powers(tx, self._network, after)

    async def take(self, tx: UnitOfWork, member: Member, role: str, *, by: str) -> None:
        """Take the role, and have the member leave the rooms that only it opened."""
        after = replace(member.placement, roles=member.placement.roles - {role})
        if after == member.placement:
            return
        await tx.members.revoke(member.id, role)
        await tx.log.append(about_member(Action.ROLE_REVOKED, by, member, details={"role": role}))
        lost = rooms_now(self._network, member.placement) - rooms_now(self._network, after)
        out = await leave(tx, self._accounts.member(member.localpart), lost)
        await set_powers(tx, self._network, member.placement, after=out)
