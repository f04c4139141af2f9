"""The configuration that the running homeserver was started with, key by key."""

from collections.abc import Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import ServerFacts, World
from policies.rules.reading import same

_AMOUNTS: Final = (
    "rc_",
    "max_",
    "caches.",
    "limit_remote_rooms",
    "media_retention.",
    "media_upload_limits",
    "delete_stale_devices_after",
    "forgotten_room_retention_period",
)
"""Keys that keep the server running or tidy. A wrong one opens nothing to anybody."""


@rule(
    "server-setting",
    about=About.SERVER,
    severity=Severity.BREACH,
    title=N_("The homeserver runs without the protection of its setting {key}."),
    remedy=N_(
        "Run `banyan up` anew: it writes the configuration as it ought to be. Find out who changed it."
    ),
)
def setting(server: ServerFacts, _: World) -> Iterator[Drift]:
    """Every hardening key has its value in the running server, whatever the file says now."""
    yield from _differing(server, amounts=False)


@rule(
    "server-limit",
    about=About.SERVER,
    severity=Severity.WARNING,
    title=N_("The homeserver runs with another amount than it ought to: {key}."),
    remedy=N_("Run `banyan up` anew: it writes the configuration as it ought to be."),
)
def limit(server: ServerFacts, _: World) -> Iterator[Drift]:
    """As above, for what keeps it running."""
    yield from _differing(server, amounts=True)


def _differing(server: ServerFacts, *, amounts: bool) -> Iterator[Drift]:
    for each in server.settings:
        if each.key.startswith(_AMOUNTS) is amounts and not same(each.running, each.wanted):
            yield {"subject": each.key, "key": each.key, "reason": each.reason}
