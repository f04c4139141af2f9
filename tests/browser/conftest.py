"""Chromium, driven by `browse.mjs`."""

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.node import environment, node, npm_install

HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds for all visits of one test: far more than they take, the machine may be busy."""


@pytest.fixture
def picture():
    """Return where a picture goes: into `$BANYAN_PICTURES`, to look at it; without that, none is taken."""
    chosen = os.environ.get("BANYAN_PICTURES")
    if chosen:
        Path(chosen).mkdir(parents=True, exist_ok=True)
    return lambda name: str(Path(chosen, f"{name}.png")) if chosen else None


@pytest.fixture
async def browse():
    """Return a function that makes visits, one after another, and returns what each showed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    await npm_install(HERE)

    async def run(visits):
        process = await asyncio.create_subprocess_exec(
            *(node(), str(HERE / "browse.mjs")),
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        order = json.dumps({"executable": chromium, "visits": visits}).encode()
        try:
            out, errors = await asyncio.wait_for(process.communicate(order), PATIENCE)
        finally:
            if process.returncode is None:  # the child is a shim of Node.js; Chromium ends with Node's pipe
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        assert process.returncode == 0, errors.decode(errors="replace")[-2000:]
        return json.loads(out)

    return run
