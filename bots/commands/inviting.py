"""Letting somebody in. Two persons stand behind it; the link comes to who asked for it."""

import re
from collections.abc import Sequence
from typing import Annotated

from banyan.domain.approvals import ProposalKind
from banyan.domain.permissions import Permission
from banyan.errors import Refusal
from banyan.i18n import N_, Text
from banyan.network import REGIONAL
from banyan.services.decisions import FULL, about_invitation
from bots.arguments import CHOOSE, Addressed, Choice, Places, Themes
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.proposals import let_in
from bots.words import number
from policies.placement import CellsFull, area_with_place

NO_CHAT = N_("You have no chat of your own with the desk yet, so I could not hand you the invitation.")
ASKED = N_(
    "Somebody else has to stand behind it. I have asked in the vetting room: when a second person writes the "
    "number of the request there, I hand you the link in your own chat. It runs out {until}."
)


class Homes(Places):
    """Where a new member can live: a country or one of its cells, as far as the asker reaches."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """Nobody lives everywhere."""
        return [choice for choice in await super().choices(ctx) if choice.token != REGIONAL]


class SeveralThemes(Themes):
    """Themes with commas between them, by name or by number."""

    open = True

    async def read(self, ctx: Context, typed: str) -> str:
        """`1, 3` or `climate, justice`. Raise `Refusal`."""
        known = [choice.token for choice in await self.choices(ctx)]
        found = set()
        for each in re.split("[,\uff0c\u3001]", typed):
            digits = number(each)
            at = int(digits) if digits else 0
            found.add(known[at - 1] if 0 < at <= len(known) else await super().read(ctx, each))
        return ",".join(sorted(found))

    async def value(self, ctx: Context, token: str) -> tuple[str, ...]:
        """Those that the network still has. Raise `Refusal` when one is gone."""
        themes = tuple(token.split(","))
        if not set(themes) <= ctx.network.themes.keys():
            raise Refusal(CHOOSE)
        return themes


Home = Annotated[Addressed, Homes()]
ThemesOf = Annotated[tuple[str, ...], SeveralThemes()]


async def show(ctx: Context, country: Home, themes: ThemesOf = ()) -> Reply:
    """What would be asked for."""
    await _check(ctx, country)
    return reply(let_in(country.key, themes))


@command(
    "invite",
    words=N_("invite, let in"),
    help=N_("Let a new member in"),
    args={
        "country": N_("In which country do they live?"),
        "themes": N_("Which themes do they work on? Several with commas between them."),
    },
    needs=Permission.INVITE,
    preview=show,
)
async def invite(ctx: Context, country: Home, themes: ThemesOf = ()) -> Reply:
    """Ask for a second person."""
    await _check(ctx, country)
    about = about_invitation(country.key, themes, country.areas)
    proposal = await ctx.services.approvals.propose(
        ctx.tx,
        ProposalKind.INVITE,
        about,
        author=ctx.who,
        member=ctx.member,
        known_since=ctx.known_since,
    )
    return reply(Text(ASKED, until=proposal.expires))


async def _check(ctx: Context, country: Addressed) -> None:
    """Refuse at once what would be refused at the end."""
    if ctx.member.chat is None:
        raise Refusal(NO_CHAT)
    try:
        area_with_place(ctx.network, country.key, await ctx.tx.members.count_by_area())
    except CellsFull:
        raise Refusal(FULL, country=country.key) from None
