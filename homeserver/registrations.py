"""The two application services: the warden, who hears every event, and the speakers, who hear none.

Members are in neither namespace: a token that covers them would be a key to every account.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from banyan.domain.sight import SeenService
from banyan.files import create_secret, write_private
from homeserver import names

ACCOUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    names.WARDEN_SERVICE: (names.WARDEN,),
    names.SPEAKERS_SERVICE: names.SPEAKERS,
}
"""Application service → the accounts it acts as."""


def registered(*, server_name: str, warden_url: str) -> dict[str, SeenService]:
    """Return what the running homeserver ought to know of each application service."""
    server = re.escape(server_name)
    return {
        service: SeenService(
            id=service,
            url=warden_url if service == names.WARDEN_SERVICE else None,
            # Synapse matches from the start only: without the `$`, `@desk:a.org` covers `@desk:a.org.example`
            users=[(f"^@{name}:{server}$", True) for name in accounts],
        )
        for service, accounts in ACCOUNTS.items()
    }


def render_registrations(secrets: Path, *, server_name: str, warden_url: str) -> None:
    """Write `warden.yaml` and `speakers.yaml` with their tokens; tokens that exist stay."""
    for service in registered(server_name=server_name, warden_url=warden_url).values():
        registration = _registration(secrets, service)
        write_private(secrets / f"{service.id}.yaml", yaml.safe_dump(registration, sort_keys=True))


def _registration(secrets: Path, known: SeenService) -> dict[str, Any]:
    service = known.id
    return {
        "id": service,
        "url": known.url,
        "as_token": create_secret(secrets / f"{service}.as_token"),
        "hs_token": create_secret(secrets / f"{service}.hs_token"),
        # never acts: Synapse's sender cannot sync, and one that acts is one more account to guard
        "sender_localpart": f"{service}-service",
        "rate_limited": False,
        "namespaces": {
            "users": [{"exclusive": exclusive, "regex": regex} for regex, exclusive in known.users],
            "aliases": [],
            "rooms": [],
        },
    }
