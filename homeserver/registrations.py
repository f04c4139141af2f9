"""The two application services: the warden, who hears every event, and the speakers, who hear none.

Members are in neither namespace: a token that covers them would be a key to every account.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from banyan.files import create_secret, write_private
from homeserver import names


def render_registrations(secrets: Path, *, server_name: str, warden_url: str) -> None:
    """Write `warden.yaml` and `speakers.yaml` with their tokens; tokens that exist stay."""
    registrations = (
        _registration(
            secrets, names.WARDEN_SERVICE, (names.WARDEN,), server_name=server_name, url=warden_url
        ),
        _registration(secrets, names.SPEAKERS_SERVICE, names.SPEAKERS, server_name=server_name, url=None),
    )
    for registration in registrations:
        write_private(secrets / f"{registration['id']}.yaml", yaml.safe_dump(registration, sort_keys=True))


def _registration(
    secrets: Path, service: str, accounts: tuple[str, ...], *, server_name: str, url: str | None
) -> dict[str, Any]:
    server = re.escape(server_name)
    return {
        "id": service,
        "url": url,
        "as_token": create_secret(secrets / f"{service}.as_token"),
        "hs_token": create_secret(secrets / f"{service}.hs_token"),
        # never acts: Synapse's sender cannot sync, and one that acts is one more account to guard
        "sender_localpart": f"{service}-service",
        "rate_limited": False,
        "namespaces": {
            # Synapse matches from the start only: without the `$`, `@desk:a.org` covers `@desk:a.org.example`
            "users": [{"exclusive": True, "regex": f"^@{name}:{server}$"} for name in accounts],
            "aliases": [],
            "rooms": [],
        },
    }
