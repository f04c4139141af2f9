"""Alerts that our own staff ask for in a chat: two persons send one, one alone only says to be careful."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from banyan.domain.alerts import STAFF, Alert, AlertState, Kind, Response, Severity, Status
from banyan.domain.approvals import Proposal, ProposalKind
from banyan.domain.log import Action
from banyan.domain.people import Member
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.network import Network
from banyan.services.alert_decision import NOT_READY
from banyan.services.approvals import Approvals
from banyan.services.intake_errors import Refused
from banyan.services.limits import Limit
from banyan.services.ports import Clock, Ids, UnitOfWork
from banyan.services.releasing import Releasing, Target, entry_of

CAREFUL_LASTS = timedelta(hours=6)

ENOUGH = N_(
    "You have sent {count} of these within an hour, so I did nothing. Ask a colleague to send it, in case "
    "your own phone is in the wrong hands."
)


@dataclass(frozen=True)
class Asked:
    """What somebody asks to be told to an area: prepared sentences, and perhaps words of their own."""

    area: str
    """A country code, an area's key or `regional`."""
    kind: Kind
    severity: Severity
    response: Response
    lasts: timedelta
    addition: str = ""


CAREFUL = (Kind.OTHER, Severity.MODERATE, Response.MONITOR)
"""All that one person alone may say."""


class Raising:
    """Asking for alerts. Whether the asker may, and for which areas, is known before."""

    def __init__(
        self, clock: Clock, ids: Ids, *, network: Network, releasing: Releasing, approvals: Approvals
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._releasing = releasing
        self._approvals = approvals
        hourly = network.limits.alerts_per_hour
        self._proposed = Limit("alert", hourly, timedelta(hours=1))
        self._careful = Limit("careful", hourly, timedelta(hours=1))

    def worded(self, asked: Asked) -> Alert:
        """The alert as it would be now, for a preview."""
        return self._alert("", asked, AlertState.HELD, self._clock.now())

    def careful(self, area: str) -> Asked:
        """What one person alone may say to an area."""
        return Asked(area, *CAREFUL, CAREFUL_LASTS)

    async def propose(
        self, tx: UnitOfWork, asked: Asked, member: Member, *, by: str, known_since: datetime | None
    ) -> Proposal:
        """Hold the alert until two persons stand behind it, see `Approvals.propose`.

        Raise `Refusal`; nothing is held then.
        """
        targets = await self._targets(tx, asked.area)
        await self._count(tx, self._proposed, member)
        alert = self._alert(self._ids.opaque(), asked, AlertState.HELD, self._clock.now())
        await tx.alerts.add(alert, alert.id)
        await tx.log.append(entry_of(Action.ALERT_HELD, by, alert))
        about = {"alert_id": alert.id, "areas": [area.key for area, _ in targets]}
        return await self._approvals.propose(
            tx,
            ProposalKind.ALERT,
            about,
            author=by,
            member=member,
            known_since=known_since,
            until=alert.expires,
        )

    async def warn(self, tx: UnitOfWork, area: str, member: Member, *, by: str) -> Alert:
        """Send “unconfirmed, be careful” at once. Raise `Refusal`, also for who has sent too many."""
        targets = await self._targets(tx, area)
        await self._count(tx, self._careful, member)
        alert = self._alert(self._ids.opaque(), self.careful(area), AlertState.QUEUED, self._clock.now())
        await tx.alerts.add(alert, alert.id)
        entry = entry_of(Action.ALERT_QUEUED, by, alert)
        await self._releasing.release(tx, alert, targets, entry, confirmed=False)
        return alert

    async def _targets(self, tx: UnitOfWork, area: str) -> Sequence[Target]:
        try:
            return await self._releasing.targets(tx, [area])
        except Refused:
            raise Refusal(NOT_READY) from None

    async def _count(self, tx: UnitOfWork, limit: Limit, member: Member) -> None:
        if not await limit.take(tx, member.id, self._clock.now()):
            raise Refusal(ENOUGH, count=limit.most)

    def _alert(self, alert_id: str, asked: Asked, state: AlertState, now: datetime) -> Alert:
        return Alert(
            id=alert_id,
            sender=STAFF,
            identifier=alert_id,
            sent=now,
            expires=now + asked.lasts,
            status=Status.ACTUAL,
            areas=(asked.area,),
            kind=asked.kind,
            severity=asked.severity,
            response=asked.response,
            texts={},
            state=state,
            received=now,
            addition=asked.addition,
        )
