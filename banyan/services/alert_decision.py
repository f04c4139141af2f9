"""What happens when two persons stand behind an alert, or nobody does in time."""

from dataclasses import replace
from datetime import timedelta

from banyan.domain.alerts import STAFF, Alert, AlertState
from banyan.domain.approvals import Proposal, ProposalState
from banyan.domain.log import Action
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKind, room_key
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.services.decisions import TWO_PERSONS
from banyan.services.intake_errors import Refused
from banyan.services.ports import Clock, UnitOfWork
from banyan.services.releasing import Releasing, entry_of

OVER = N_("This message is not valid any more. Nothing was sent. If it is still needed, ask for a new one.")
REVOKED = N_(
    "Who sent this may not send any more, so I did not pass it on. If you know it to be true, ask for it "
    "yourselves: write “alert”."
)
NOT_READY = N_("A room for safety messages is missing. Nothing was sent. Please call the operator.")

ENDS = {
    ProposalState.REFUSED: (AlertState.REFUSED, Action.ALERT_REFUSED),
    ProposalState.EXPIRED: (AlertState.EXPIRED, Action.ALERT_EXPIRED),
}


class AlertDecision:
    """A held alert is sent. About: `{"alert_id", "areas"}`."""

    needs = Permission.APPROVE
    room = room_key(RoomKind.STAFF, "security")
    lasts = timedelta(hours=6)

    def __init__(self, releasing: Releasing, clock: Clock) -> None:
        self._releasing = releasing
        self._clock = clock

    async def carry_out(self, tx: UnitOfWork, proposal: Proposal) -> None:
        """Send it to its rooms, as confirmed. One that has run out, or whose sender was removed, never is."""
        alert = await self._held(tx, proposal)
        if alert.expires <= self._clock.now():
            raise Refusal(OVER)
        if alert.sender != STAFF and await tx.senders.get(alert.sender) is None:
            raise Refusal(REVOKED)
        try:
            targets = await self._releasing.targets(tx, alert.areas)
        except Refused:
            raise Refusal(NOT_READY) from None
        await tx.alerts.set_state(alert.id, AlertState.QUEUED)
        alert = replace(alert, state=AlertState.QUEUED)
        entry = entry_of(Action.ALERT_QUEUED, TWO_PERSONS, alert, proposal=proposal.id)
        await self._releasing.release(tx, alert, targets, entry, confirmed=True)

    async def drop(self, tx: UnitOfWork, proposal: Proposal, state: ProposalState) -> None:
        """It is never sent."""
        alert = await tx.alerts.get(proposal.about["alert_id"])
        if alert is None or alert.state is not AlertState.HELD:
            return
        ended, action = ENDS[state]
        await tx.alerts.set_state(alert.id, ended)
        await tx.log.append(entry_of(action, "service:approvals", alert, proposal=proposal.id))

    async def _held(self, tx: UnitOfWork, proposal: Proposal) -> Alert:
        alert = await tx.alerts.get(proposal.about["alert_id"])
        if alert is None or alert.state is not AlertState.HELD:
            raise Refusal(OVER)
        return alert
