"""Signed alerts come in: accepted once, by whom they may be; sent at once, or held for two persons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from banyan.domain.alerts import Alert, AlertState, Sender, Severity, Status, needs_two
from banyan.domain.approvals import ProposalKind
from banyan.domain.log import Action
from banyan.errors import NotFound
from banyan.network import LANGUAGES, Network
from banyan.services.alert_body import Body, check_times, parse
from banyan.services.alerts import Links
from banyan.services.approvals import Approvals
from banyan.services.intake_errors import (
    AlreadySent,
    BadSignature,
    IdentifierUsed,
    NotRelayed,
    Refused,
    TooMany,
    UnknownArea,
    Unsigned,
)
from banyan.services.limits import Bucket, Limit
from banyan.services.ports import Clock, Ids, UnitOfWork, Work
from banyan.services.releasing import Releasing, Target, entry_of
from banyan.services.senders import NAME
from banyan.services.signatures import verify


@dataclass(frozen=True)
class Accepted:
    """An alert is ours now: it is on the disk."""

    id: str
    state: AlertState
    status_url: str


class Intake:
    """Accepting what enrolled senders sign."""

    def __init__(
        self,
        work: Work,
        clock: Clock,
        ids: Ids,
        *,
        network: Network,
        links: Links,
        releasing: Releasing,
        approvals: Approvals,
    ) -> None:
        self._work = work
        self._clock = clock
        self._ids = ids
        self._network = network
        self._links = links
        self._releasing = releasing
        self._approvals = approvals
        limits, hour = network.limits, timedelta(hours=1)
        self._usual = Limit("sent", limits.alerts_per_hour, hour)
        self._extreme = Limit("sent-extreme", limits.extreme_alerts_per_hour, hour)
        self._refusals = Bucket(limits.refused_alerts_per_minute, timedelta(minutes=1), clock)

    async def submit(self, sender_name: str | None, signature: str | None, raw: bytes) -> Accepted:
        """Accept a signed alert: held until two persons approve, or queued for every room of its areas.

        Raise a `Refused`; nothing was written then. The signature is checked before anything is parsed, and a
        repeated body answers as itself however late it comes, so that a sender may retry without fear.
        """
        sender = await self._authenticate(sender_name, signature, raw)
        digest = sha256(raw).hexdigest()
        try:
            body = parse(raw, LANGUAGES)
            async with self._work.reading() as tx:
                await self._refuse_repeated(tx, sender, body, digest)
            self._check_relayed(body)
        except AlreadySent:
            raise
        except Refused:
            # Not from the sender's own: mistakes, or recordings of them, must not use up an emergency's.
            self._count_refusal()
            raise
        async with self._work() as tx:
            await self._refuse_repeated(tx, sender, body, digest)
            targets = await self._releasing.targets(tx, body.areas)
            await self._count(tx, sender, body.severity)
            alert = self._alert(body, sender)
            await tx.alerts.add(alert, digest)
            await self._begin(tx, alert, targets, digest)
        return Accepted(alert.id, alert.state, self._links.to(alert.id))

    async def _begin(self, tx: UnitOfWork, alert: Alert, targets: Sequence[Target], digest: str) -> None:
        who = f"sender:{alert.sender}"
        if alert.state is AlertState.QUEUED:
            entry = entry_of(Action.ALERT_QUEUED, who, alert, body=digest)
            await self._releasing.release(tx, alert, targets, entry, confirmed=False)
            return
        await tx.log.append(entry_of(Action.ALERT_HELD, who, alert, body=digest))
        about = {"alert_id": alert.id, "areas": [area.key for area, _ in targets]}
        await self._approvals.propose(tx, ProposalKind.ALERT, about, author=who, until=alert.expires)

    async def _authenticate(self, name: str | None, signature: str | None, raw: bytes) -> Sender:
        try:
            return await self._identify(name, signature, raw)
        except (Unsigned, BadSignature):
            # Only failures are counted: a flood of them keeps no enrolled sender out.
            self._count_refusal()
            raise

    def _count_refusal(self) -> None:
        if not self._refusals.take():
            raise TooMany("Too many requests that we had to refuse. Try again in a minute.") from None

    async def _identify(self, name: str | None, signature: str | None, raw: bytes) -> Sender:
        if not name or not signature:
            raise Unsigned("The headers Banyan-Sender and Banyan-Signature are needed.")
        async with self._work.reading() as tx:
            sender = await tx.senders.get(name) if NAME.fullmatch(name) else None
        return verify(sender, signature, raw, name)

    async def _count(self, tx: UnitOfWork, sender: Sender, severity: Severity) -> None:
        now = self._clock.now()
        if await self._usual.take(tx, sender.name, now):
            return
        if severity is Severity.EXTREME and await self._extreme.take(tx, sender.name, now):
            return
        raise TooMany("This sender has sent too many alerts. Try again later, or warn by another way.")

    async def _refuse_repeated(self, tx: UnitOfWork, sender: Sender, body: Body, digest: str) -> None:
        first = await tx.alerts.find(sender.name, body.identifier, digest)
        if first is None:
            return
        refusal: type[AlreadySent]
        if await tx.alerts.find(sender.name, "", digest):
            refusal, why = AlreadySent, "This alert was accepted before; its state is at status_url."
        else:
            refusal, why = IdentifierUsed, "This identifier stands for another alert. Take a new one."
        raise refusal(why, first.id, self._links.to(first.id))

    def _check_relayed(self, body: Body) -> None:
        """Whether it is of this moment, for real, and for areas that there are."""
        check_times(body, self._clock.now())
        if body.status is not Status.ACTUAL:
            raise NotRelayed("Only `actual` alerts are relayed: drills have no rooms yet.")
        try:
            for key in body.areas:
                self._network.expand(key)
        except NotFound:
            raise UnknownArea("The network has no such area.") from None

    def _alert(self, body: Body, sender: Sender) -> Alert:
        held = needs_two(sender, body.severity, body.response)
        return Alert(
            id=self._ids.opaque(),
            sender=sender.name,
            identifier=body.identifier,
            sent=body.sent,
            expires=body.expires,
            status=body.status,
            areas=body.areas,
            kind=body.kind,
            severity=body.severity,
            response=body.response,
            texts=dict(body.texts),
            state=AlertState.HELD if held else AlertState.QUEUED,
            received=self._clock.now(),
        )
