"""With which servers the homeserver speaks."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World
from policies.rules.reading import shown


@rule(
    "federation-open",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("The homeserver speaks with every server in the world."),
    remedy=N_(
        "Run `banyan up` anew: it writes the list of servers, an empty one too. Find out who removed it."
    ),
)
def open_(server: ServerFacts, _: World) -> Iterator[Drift]:
    """There is a list, even when it is empty: without one Synapse speaks with all."""
    if server.whitelist is None:
        yield {"subject": "federation"}


@rule(
    "federation-stranger",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("The homeserver speaks with a server that is no declared partner's: {server}."),
    remedy=N_("Run `banyan up` anew. If it is a partner who was cut off, look what was sent since."),
    waived_by=(),
)
def stranger(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Nobody is on the list but partners who are not cut off."""
    strangers = (server.whitelist or frozenset()) - server.partners - {world.accounts.server_name}
    yield from ({"subject": shown(name), "server": shown(name)} for name in sorted(strangers))


@rule(
    "federation-missing",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("The homeserver does not speak with the partner server {server}, though it is declared."),
    remedy=N_("Run `banyan up` anew: the list is read at the start only."),
)
def missing(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Every declared partner is on the list."""
    if server.whitelist is not None:
        absent = sorted(server.partners - server.whitelist)
        yield from ({"subject": shown(name), "server": shown(name)} for name in absent)
