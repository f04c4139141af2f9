"""What the operator asks for on the machine, one function a command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from banyan.bootstrap.auditing import want_audit
from banyan.bootstrap.growing import grow, grower
from banyan.bootstrap.home import open_home, read_files
from banyan.bootstrap.waiting import NotCarriedOut, carried_out, must_exist, must_run
from banyan.domain.people import Accounts
from banyan.domain.permissions import DESCRIPTIONS
from banyan.domain.plan import Plan
from banyan.errors import NotFound
from banyan.network import Network, load_network
from banyan.services.members import invitation_subject
from banyan.settings import DEFAULT_NETWORK, Home
from homeserver.apply import Progress, Report
from homeserver.desired import desired
from homeserver.plan import plan
from policies.rules import EXACT


@dataclass(frozen=True)
class Invitation:
    """What is handed to the person invited."""

    user_id: str
    token: str
    link: str
    expires: datetime


async def make_plan(home: Home, network: Path | None) -> Plan:
    """What `apply` would change; for a home that does not exist yet, everything. Touches nothing."""
    if not home.settings_file.exists():
        return _from_nothing(load_network(network or DEFAULT_NETWORK, EXACT))
    must_run(home)
    async with open_home(home, network) as parts, grower(parts) as growing:
        return await growing.plan()


def _from_nothing(network: Network) -> Plan:
    accounts = Accounts("example.org")
    return plan(desired(network, accounts, locator=str), (), accounts, ())


async def apply(home: Home, network: Path | None, progress: Progress, *, allow_removals: bool) -> Report:
    """Make the rooms what the network file says."""
    must_run(home)
    async with open_home(home, network) as parts:
        try:
            return await grow(parts, progress, allow_removals=allow_removals)
        finally:
            await want_audit(parts)


async def invite(
    home: Home, country: str, themes: Sequence[str], language: str | None
) -> tuple[Invitation, bool]:
    """Make a way in for one person, and wait until it works. Whether it does: a link is told only once."""
    must_run(home)
    async with open_home(home) as parts:
        invited = await parts.members.invite(country, themes, language=language)
        link = f"{parts.addresses.web_url}/join/{invited.token}"
        try:
            await carried_out(parts, invitation_subject(invited.token))
        except NotCarriedOut:
            works = False
        else:
            works = True
        return Invitation(invited.user_id, invited.token, link, invited.expires), works


async def list_members(home: Home) -> list[dict[str, Any]]:
    """Every member: user id, area, themes, roles, language and status."""
    must_exist(home)
    async with open_home(home) as parts:
        return [
            {
                "user_id": parts.accounts.member(member.localpart),
                "area": member.placement.area,
                "themes": sorted(member.placement.themes),
                "roles": sorted(member.placement.roles),
                "language": member.language,
                "status": member.status.value,
            }
            for member in await parts.members.list()
        ]


async def grant(home: Home, who: str, role: str) -> None:
    """Give a member a role. `who` is a pseudonym or a user id."""
    must_exist(home)
    async with open_home(home) as parts:
        localpart = parts.accounts.localpart(who) if who.startswith("@") else who
        if localpart is None:
            raise NotFound("There is no member of that name; `banyan member list` shows them.")
        async with parts.work() as tx:
            member = await tx.members.by_localpart(localpart)
            if member is None:
                raise NotFound("There is no member of that name; `banyan member list` shows them.")
            await parts.roles.give(tx, member, role, by="operator")


def list_permissions(home: Home, network: Path | None) -> list[dict[str, Any]]:
    """Every permission, what it allows, and which roles have it: everywhere, or in the holder's own area."""
    if network is None:
        must_exist(home)
    declared = load_network(network, EXACT) if network else read_files(home, None)[1]
    return [
        {
            "permission": permission.value,
            "description": description,
            "roles": [
                {"role": name, "everywhere": not role.per_country}
                for name, role in declared.roles.items()
                if permission in role.may
            ],
        }
        for permission, description in DESCRIPTIONS.items()
    ]


async def enrol(home: Home, name: str, public_key: str, *, direct: bool) -> None:
    """Accept alerts signed by this key."""
    must_exist(home)
    async with open_home(home) as parts:
        await parts.senders.enrol(name, public_key, direct=direct)


async def revoke(home: Home, name: str) -> None:
    """Refuse this sender's alerts."""
    must_exist(home)
    async with open_home(home) as parts:
        await parts.senders.revoke(name)


async def list_senders(home: Home) -> list[dict[str, Any]]:
    """Every sender and whether they may alert alone."""
    must_exist(home)
    async with open_home(home) as parts:
        return [{"name": each.name, "direct": each.direct} for each in await parts.senders.list()]


async def list_alerts(home: Home) -> list[dict[str, Any]]:
    """Every alert and in how many rooms it is."""
    must_exist(home)
    async with open_home(home) as parts:
        return [
            {
                "id": each.id,
                "state": each.state.value,
                "sent": sum(room.sent is not None for room in each.rooms),
                "rooms": len(each.rooms),
            }
            for each in await parts.alerts.all()
        ]
