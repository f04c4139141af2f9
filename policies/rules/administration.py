"""Who administers the homeserver, and who acts as somebody else."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World
from policies.rules.reading import who


@rule(
    "server-admin",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("{who} administers the homeserver. Only the registrar may."),
    remedy=N_("Take it back in the homeserver's database, end their sessions, and find out who gave it."),
    waived_by=(),
)
def admins(server: ServerFacts, world: World) -> Iterator[Drift]:
    """One account administers, and it is in no room."""
    for account in server.accounts:
        if account.admin and not account.deactivated and account.user_id != world.accounts.registrar:
            name = who(account.user_id, world.accounts)
            yield {"subject": name, "who": name}


@rule(
    "server-puppets",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("An administrator can act as somebody else: {count} keys for that exist."),
    remedy=N_("End those sessions, change the registrar's key, and find out who made them, and for whom."),
    waived_by=("count",),
)
def puppets(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Nobody acts in another's name."""
    if server.puppet_tokens:
        yield {"subject": "puppets", "count": server.puppet_tokens}
