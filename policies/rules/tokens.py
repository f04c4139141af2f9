"""Registration tokens: each lets somebody make an account."""

from collections.abc import Iterator

from banyan.domain.findings import About, Severity
from banyan.domain.sight import SeenToken
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World


def _usable(server: ServerFacts, world: World) -> Iterator[tuple[SeenToken, str]]:
    """Tokens that somebody could use now, and how findings call them."""
    for token in server.tokens:
        used_up = token.uses_allowed is not None and token.uses >= token.uses_allowed
        if not used_up and (token.expires is None or token.expires > world.now):
            yield token, token.digest[:8]


@rule(
    "token-unknown",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("There is a registration token that stands for no invitation of ours: {token}."),
    remedy=N_("Delete it with the admin API, and look which accounts are new."),
    waived_by=(),
)
def unknown(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Every token is somebody's invitation."""
    for token, name in _usable(server, world):
        if token.digest not in server.known_tokens:
            yield {"subject": name, "token": name}


@rule(
    "token-endless",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("A registration token never ends: {token}."),
    remedy=N_("Delete it with the admin API, and invite the person again."),
)
def endless(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Every token ends by itself."""
    for token, name in _usable(server, world):
        if token.expires is None:
            yield {"subject": name, "token": name}


@rule(
    "token-many-uses",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("A registration token lets in more than one person: {token}."),
    remedy=N_("Delete it with the admin API, and look which accounts are new."),
    waived_by=(),
)
def many_uses(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Every token is for one person."""
    for token, name in _usable(server, world):
        if token.uses_allowed is None or token.uses_allowed > 1:
            yield {"subject": name, "token": name}


@rule(
    "tokens-open",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("{count} invitations wait to be used; {limit} may at one time."),
    remedy=N_("Wait until some are used or have ended before you invite more: each is a way in."),
)
def too_many(server: ServerFacts, world: World) -> Iterator[Drift]:
    """Few doors stand open at one time."""
    count, limit = sum(1 for _ in _usable(server, world)), world.network.limits.invitations_open
    if count > limit:
        yield {"subject": "tokens", "count": count, "limit": limit}
