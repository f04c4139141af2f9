"""Warning people: a safety message behind which two persons stand, or one careful word alone."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from banyan.domain import alerts
from banyan.domain.permissions import Permission
from banyan.i18n import N_, Text
from banyan.services.raising import Asked
from bots.alert_preview import FOR, addressed
from bots.alert_texts import KINDS, RESPONSES, SEVERITIES, alert_in
from bots.arguments import Addressed, Pick
from bots.context import Context
from bots.declare import Reply, command, reply
from bots.texts import worded

LASTS: Mapping[str, tuple[timedelta, str]] = {
    "2h": (timedelta(hours=2), N_("2 hours")),
    "6h": (timedelta(hours=6), N_("6 hours")),
    "12h": (timedelta(hours=12), N_("12 hours")),
    "24h": (timedelta(hours=24), N_("24 hours")),
    "3d": (timedelta(days=3), N_("3 days")),
}
"""For how long a message may be valid."""

WHERE = N_("Which members shall it reach?")
ASKED = N_(
    "Nothing is sent yet. I have asked in the security room: when two persons stand behind it, it goes out "
    "at once. It runs out {until}."
)
CAREFUL = N_(
    "It is on its way, marked as unconfirmed. When you know more, write “alert”: behind that, two persons "
    "have to stand."
)

What = Annotated[alerts.Kind, Pick(KINDS)]
Danger = Annotated[
    alerts.Severity,
    Pick({each: label for each, label in SEVERITIES.items() if each is not alerts.Severity.UNKNOWN}),
]
Advice = Annotated[alerts.Response, Pick(RESPONSES)]
Lasts = Annotated[str, Pick({token: label for token, (_, label) in LASTS.items()})]


async def show(
    ctx: Context,
    what: What,
    area: Addressed,
    danger: Danger,
    advice: Advice,
    lasts: Lasts,
    addition: str | None = None,
) -> Reply:
    """The message, in the asker's language."""
    return _shown(ctx, _asked(what, area, danger, advice, lasts, addition), confirmed=True)


@command(
    "alert",
    words=N_("alert, alarm, warn"),
    help=N_("Warn the members of an area, together with a second person"),
    args={
        "what": N_("What has happened?"),
        "area": WHERE,
        "danger": N_("How great is the danger?"),
        "advice": N_("What shall people do?"),
        "lasts": N_("For how long is this valid?"),
        "addition": N_(
            "Is there anything to add? Write it in a few words, without names. Everybody reads it as you "
            "write it, for it is not translated."
        ),
    },
    needs=Permission.ALERT,
    preview=show,
)
async def alert(
    ctx: Context,
    what: What,
    area: Addressed,
    danger: Danger,
    advice: Advice,
    lasts: Lasts,
    addition: str | None = None,
) -> Reply:
    """Ask for the persons who have to stand behind it."""
    asked = _asked(what, area, danger, advice, lasts, addition)
    raising = ctx.services.raising
    proposal = await raising.propose(ctx.tx, asked, ctx.member, by=ctx.who, known_since=ctx.known_since)
    return reply(Text(ASKED, until=proposal.expires))


async def show_careful(ctx: Context, area: Addressed) -> Reply:
    """The one message that one person may send alone."""
    return _shown(ctx, ctx.services.raising.careful(area.key), confirmed=False)


@command(
    "careful",
    words=N_("careful, be careful"),
    help=N_("Tell an area at once to be careful, unconfirmed, without a second person"),
    args={"area": WHERE},
    needs=Permission.ALERT,
    preview=show_careful,
)
async def careful(ctx: Context, area: Addressed) -> Reply:
    """Send it now."""
    await ctx.services.raising.warn(ctx.tx, area.key, ctx.member, by=ctx.who)
    return reply(Text(CAREFUL))


def _asked(
    what: alerts.Kind,
    area: Addressed,
    danger: alerts.Severity,
    advice: alerts.Response,
    lasts: str,
    addition: str | None,
) -> Asked:
    return Asked(area.key, what, danger, advice, LASTS[lasts][0], addition or "")


def _shown(ctx: Context, asked: Asked, *, confirmed: bool) -> Reply:
    alert = ctx.services.raising.worded(asked)
    said = alert_in(ctx.member.language, alert, ctx.zone, confirmed=confirmed)
    return reply(Text(FOR, areas=addressed(alert.areas)), *map(worded, said))
