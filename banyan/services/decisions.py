"""What happens when two persons stand behind an invitation or a role."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from banyan.domain.approvals import Proposal, ProposalState
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member, MemberStatus
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import NotFound, Refusal
from banyan.i18n import N_
from banyan.network import Area, Network
from banyan.services.members import Members, NamesFull
from banyan.services.ports import UnitOfWork
from banyan.services.roles import Roles
from policies.permissions import holds
from policies.placement import CellsFull

TWO_PERSONS = "two-persons"
"""Who acts, in the log: the entries of the proposal before it say which two."""

FULL = N_(
    "There is no place left in {country}. Ask the operator to make room first, then ask for this again."
)
GONE = N_("Something that was chosen is not there any more. Please ask for it again.")
NO_AUTHOR = N_("Who asked for this may not let anybody in any more. Somebody else has to ask for it.")
NO_NAMES = N_("No name is free for a new member. Tell the operator.")


def about_role(member: Member, role: str, *, give: bool) -> Mapping[str, Any]:
    """What a proposal of a role says."""
    return {"member_id": member.id, "role": role, "give": give, "areas": [member.placement.area]}


def about_invitation(country: str, themes: Iterable[str], areas: Sequence[Area]) -> Mapping[str, Any]:
    """What a proposal to let somebody in says: `areas` are those that `country` stands for."""
    return {
        "country": country,
        "themes": sorted(themes),
        "language": areas[0].language,
        "areas": [area.key for area in areas],
    }


class RoleDecision:
    """A role is given or taken. About: `{"member_id", "role", "give", "areas"}`, see `about_role`."""

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
    """Somebody is let in. About: `{"country", "themes", "language", "areas"}`, see `about_invitation`."""

    needs = Permission.INVITE
    room = room_key(RoomKind.STAFF, "vetting")
    lasts = timedelta(hours=72)

    def __init__(self, members: Members, network: Network) -> None:
        self._members = members
        self._network = network

    async def carry_out(self, tx: UnitOfWork, proposal: Proposal) -> None:
        """Make the invitation, and hand its link to who asked for it, in their own chat."""
        about: Mapping[str, Any] = proposal.about
        author = await tx.members.get(proposal.member_id or "")
        if author is None or author.chat is None or author.status is not MemberStatus.ADMITTED:
            raise Refusal(NO_AUTHOR)  # frozen: somebody else may hold their phone
        if not holds(self._network, author.placement, self.needs):
            raise Refusal(NO_AUTHOR)
        try:
            invited = await self._members.write_invitation(
                tx,
                about["country"],
                about["themes"],
                language=about["language"],
                by=TWO_PERSONS,
                asked_by=author.id,
            )
        except CellsFull:
            raise Refusal(FULL, country=about["country"]) from None
        except NamesFull:
            raise Refusal(NO_NAMES) from None
        except NotFound:
            raise Refusal(GONE) from None
        handed = {
            "room_id": author.chat,
            "language": author.language,
            "zone": self._network.zone_of(author.placement.area),
            "user_id": invited.user_id,
            "token": invited.token,
            "expires": invited.expires.isoformat(),
        }
        await tx.outbox.put(NewEffect(Actor.DESK, "invitation", handed, after=invited.ready, secret=True))

    async def drop(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        """Nothing was made, so there is nothing to take back."""
