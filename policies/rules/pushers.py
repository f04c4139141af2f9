"""Where notifications go: a push gateway learns when somebody is written to."""

from collections import Counter
from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World
from policies.rules.reading import shown, who


@rule(
    "pusher-gateway",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("Notifications of {count} members go to a place that is not declared: {gateway}."),
    remedy=N_("Find out which app they use. If you trust its gateway, add it to push_gateways."),
    waived_by=(),
)
def gateway(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Only declared gateways; never an e-mail address."""
    users = {(pusher.host, pusher.user_id) for pusher in server.pushers}
    for host, count in sorted(Counter(host for host, _ in users).items()):
        if host not in world.network.push_gateways:
            name = shown(host) or "e-mail"
            yield {"subject": name, "gateway": name, "count": count}


@rule(
    "pusher-content",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("The notifications of {who} tell more than the number of a message."),
    remedy=N_("Ask them to log out and in again with an app of the usual kind."),
    waived_by=(),
)
def content(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Gateways are told event ids only: else also who wrote, and in which room."""
    for user_id in sorted({pusher.user_id for pusher in server.pushers if not pusher.ids_only}):
        name = who(user_id, world.accounts)
        yield {"subject": name, "who": name}
