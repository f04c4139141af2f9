"""Waiting for what another process carries out."""

import asyncio
import fcntl
import time
from pathlib import Path

from banyan.bootstrap.home import Parts
from banyan.domain.effects import EffectState
from banyan.errors import BanyanError, NotRunning
from banyan.settings import Home

PATIENCE = 30.0
"""Seconds."""
PAUSE = 0.05


class NotCarriedOut(BanyanError):
    """It was decided, but not done in time. It will be done when what is missing comes back."""

    code = "not-carried-out"


def running(home: Home) -> bool:
    """Whether `banyan up` holds this home."""
    lock = home.path / "lock"
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def must_run(home: Home) -> None:
    """Raise `NotRunning` unless the network is up."""
    if not running(home):
        raise NotRunning(f"This needs the network to be up. Start it: banyan up --home {_shown(home.path)}")


def must_exist(home: Home) -> None:
    """Raise `NotRunning` unless a network was started here: a mistyped `--home` is not an empty home."""
    if not home.secret("registrar.token").exists():
        raise NotRunning(f"There is no network in {home.path.name}. Start it once: banyan up --home DIR")


async def carried_out(parts: Parts, subject: str) -> None:
    """Wait until every effect of that subject is done. Raise `NotCarriedOut` after half a minute."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with parts.work.reading() as tx:
            effects = await tx.outbox.of_subject(subject)
        if all(effect.state is EffectState.DONE for effect in effects):
            return
        await asyncio.sleep(PAUSE)
    raise NotCarriedOut("It is decided and written down, but the homeserver has not done it yet. Is it well?")
