"""Devices of ours whose store was lost. They write nothing any more, but still vouch for what they sent.

Whoever was away when such a device spoke last asks for its keys when they come back: were it gone, a strict
app would show them nothing. So it stays for a week, known to those who watch our accounts.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from banyan.files import write_private
from banyan.matrix import Api, Unauthorized
from bots.client.credentials import Credentials

STAYS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retired:
    """One device, and the login that ends it."""

    device_id: str
    access_token: str = field(repr=False)
    since: float
    """Seconds since 1970."""


def retired(path: Path) -> tuple[Retired, ...]:
    """Read the list; empty when there is none."""
    return tuple(Retired(**each) for each in json.loads(path.read_bytes())) if path.exists() else ()


def retire(path: Path, credentials: Path, device_id: str, now: float) -> None:
    """Note the device that the credentials are for, unless it is this one. Before they are written anew."""
    if not credentials.exists():
        return
    old, known = Credentials.load(credentials), retired(path)
    if old.device_id != device_id and old.device_id not in {each.device_id for each in known}:
        _save(path, (*known, Retired(old.device_id, old.access_token, now)))


async def end_due(path: Path, homeserver_url: str, now: float) -> None:
    """Log out those whose time is over. Raises as `Api.request`; what is not done is done the next time."""
    for each in retired(path):
        if now - each.since >= STAYS.total_seconds():
            async with Api(homeserver_url, each.access_token) as api:
                with suppress(Unauthorized):  # somebody has ended it before
                    await api.request("POST", "/logout", repeatable=True)
            _save(path, tuple(other for other in retired(path) if other != each))


def _save(path: Path, devices: tuple[Retired, ...]) -> None:
    write_private(path, json.dumps([asdict(each) for each in devices]))
