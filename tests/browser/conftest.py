"""Chromium, driven by `browse.mjs`: one for the whole run, with a session of its own for each visit."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
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


class Browser:
    """The driver and its Chromium, started at the first visit, and again after they had to be ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def start(self, chromium: str) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                (node(), HERE / "browse.mjs", chromium),
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )

    def visit(self, visits):
        """Make visits, beside each other; what each showed. Blocks."""
        self._process.stdin.write(json.dumps(visits).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the browser ended"}')
        assert "error" not in answer, answer["error"]
        return answer["seen"]

    def kill(self) -> None:
        """End it at once. The child is a shim of Node.js; Chromium ends with Node's pipe."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def end(self) -> None:
        """Let it go."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.end()


@pytest.fixture
async def browse(browser):
    """Return a function that makes visits and returns what each showed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    await npm_install(HERE)

    async def run(visits):
        browser.start(chromium)
        visiting = asyncio.create_task(asyncio.to_thread(browser.visit, visits))
        done, _ = await asyncio.wait([visiting], timeout=PATIENCE)
        if not done:
            browser.kill()  # then the thread ends too
        return await visiting

    return run
