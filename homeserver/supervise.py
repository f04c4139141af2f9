"""Synapse as a child process: started, watched, started again, stopped."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import structlog

from banyan.errors import BanyanError, HomeserverDown
from homeserver.config import Paths

log = structlog.get_logger()

Callback = Callable[[], None]

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
STEADY_AFTER: Final = 60.0
"""Seconds after which a run counts as healthy and the next restart waits little again."""
STOP_GRACE: Final = 10.0
PING_PATH: Final = "/_synapse/client/banyan/ping"
"""Of the gate. Written here again: importing the gate would import Synapse into our own process."""
_ROOT = Path(__file__).resolve().parents[1]


class SynapseRefused(BanyanError):
    """Synapse ended before it was ready: its configuration, its database or its port is wrong."""

    code = "homeserver-refused"


class Synapse:
    """One Synapse process of one home. Once stopped it is not started again.

    `on_up` is called whenever Synapse and the gate in it answer after a start, `on_down` whenever the process
    has ended. Use it from the main thread: the process dies with the thread that started it.
    """

    def __init__(
        self,
        home: Path,
        url: str,
        *,
        on_up: Callback = lambda: None,
        on_down: Callback = lambda: None,
        first_delay: float = FIRST_DELAY,
    ) -> None:
        self._paths = Paths(home.resolve())
        self._url = url
        self._on_up = on_up
        self._on_down = on_down
        self._first_delay = first_delay
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()
        self.starts = 0
        """How often the process was started, restarts included."""

    @property
    def pid(self) -> int | None:
        """Process id while the process lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the process. It is not ready yet: see `wait_ready`."""
        # else a `stop` in the middle of a restart would find no process to end, and leave one behind
        async with self._changing:
            if self.pid is None and not self._stopping.is_set():
                await self._spawn()

    async def _spawn(self) -> None:
        self._paths.logs.mkdir(parents=True, exist_ok=True)
        # Python's own last words land here, not in synapse.log: the logging is not set up yet when it refuses
        with self._output.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(Path(__file__).with_name("child.py")), str(os.getpid())),
                *(sys.executable, "-P", "-m", "synapse.app.homeserver", "--no-secrets-in-config"),
                *("-c", str(self._paths.config)),
                cwd=self._paths.synapse,
                env=os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is ours to pass on: bots must log off before Synapse goes
            )
        self.starts += 1
        log.info("synapse-started", pid=self.pid)

    async def wait_ready(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109 - one deadline for the whole wait
        """Return when Synapse answers and the gate in it is ours.

        Raises SynapseRefused when the process ends first, HomeserverDown after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        # /health would do, were it not that another home's Synapse may hold our port and be healthy
        secret = (self._paths.secrets / "gate.secret").read_text(encoding="utf-8").strip()
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=2), headers={"Authorization": f"Bearer {secret}"}
        ) as session:
            while time.monotonic() < deadline:
                if self.pid is None:
                    raise SynapseRefused(f"Synapse ended before it was ready. {self._last_words()}")
                if await _answers(session, self._url):
                    self._on_up()
                    return
                await asyncio.sleep(0.1)
        raise HomeserverDown(f"Synapse did not answer within {timeout:.0f} s. Its log is logs/synapse.log.")

    async def run(self) -> None:
        """Keep a started Synapse alive until `stop`: restart it with growing delays when it ends.

        Raises SynapseRefused when a restart ends before it was ready three times in a row.
        """
        delay, refusals = self._first_delay, 0
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._wait_for_end()
            if self._stopping.is_set():
                return
            async with self._changing:
                if self.pid is not None:
                    continue  # `restart` has begun the next one already
            self._on_down()
            if time.monotonic() - began > STEADY_AFTER:
                delay = self._first_delay
            log.warning("synapse-ended", restart_in_seconds=delay)
            if await self._stopped_within(delay):
                return
            delay = min(delay * 2, LONGEST_DELAY)
            try:
                await self.start()
                await self.wait_ready()
                refusals = 0
            except SynapseRefused:
                refusals += 1
                if refusals == 3 and not self._stopping.is_set():  # noqa: PLR2004 - as the docstring says
                    raise
            except HomeserverDown:
                await self._end(signal.SIGKILL)  # it hangs: end it, and the loop starts it again

    async def restart(self) -> None:
        """End the process and start it anew, with the configuration as it is written now.

        Returns when it is ready. Raises as `wait_ready`. Nothing happens once it was told to stop.
        """
        async with self._changing:
            if self._stopping.is_set():
                return
            await self._end(signal.SIGTERM)
            self._on_down()
            await self._spawn()
        await self.wait_ready()

    async def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL after ten seconds. Returns when it is gone."""
        self._stopping.set()
        async with self._changing:
            if self.pid is None:
                return
            await self._end(signal.SIGTERM)
        self._on_down()
        log.info("synapse-stopped")

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _wait_for_end(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    @property
    def _output(self) -> Path:
        return self._paths.logs / "synapse.out"

    def _last_words(self) -> str:
        return last_words(self._output.read_text(encoding="utf-8", errors="replace"))


def last_words(output: str) -> str:
    """Say in one line why Synapse ended, from what it printed: a configuration error or an exception's class.

    Only these: the text of an exception may carry ids.
    """
    lines = [line.strip(" *\t") for line in output.splitlines()]
    for number, line in enumerate(lines):
        if line.startswith("Error in configuration"):
            reason = " ".join(part for part in lines[number : number + 4] if part)
            return _without_ids(reason)
    for line in reversed(lines):
        found = re.match(r"(?:[a-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Exit|Failure))\b", line)
        if found:
            return f"It ended with {found[1]}; logs/synapse.out has the rest."
    return "It said nothing; see logs/synapse.log."


def _without_ids(text: str) -> str:
    return re.sub(r"[@!#$][\w.=/+-]+(?::[\w.:-]+)?", "…", text)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.post(f"{url}{PING_PATH}", json={}) as response:
            return response.status == 200  # noqa: PLR2004
    except (aiohttp.ClientError, TimeoutError):
        return False
