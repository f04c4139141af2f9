"""Counts for the operator's monitoring. No ids, no names: they say that something happened, never to whom."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from banyan.services.ports import Work


class Metrics:
    """What is counted. Each home has its own registry."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, work: Work) -> None:
        self._work = work
        self.registry = CollectorRegistry()
        self.alerts = Counter(
            "banyan_alert_requests",
            "Alerts that were posted, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self.transactions = Counter(
            "banyan_transactions",
            "Transactions of the homeserver, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "banyan_outbox_waiting",
            "Effects that are queued, by the actor they are addressed to.",
            ["actor"],
            registry=self.registry,
        )

    async def render(self) -> bytes:
        """The text that Prometheus reads."""
        async with self._work.reading() as tx:
            for actor, count in (await tx.outbox.waiting()).items():
                self.waiting.labels(actor.value).set(count)
        return generate_latest(self.registry)
