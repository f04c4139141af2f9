"""The loop that asks the homeserver for news: never hot, never stopped by what it hears."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from random import SystemRandom
from typing import Any

import structlog

from banyan.backoff import backoff
from banyan.errors import HomeserverDown
from banyan.matrix import Api, MatrixError, Unauthorized
from bots.client.rooms import STATE_WE_KEEP
from bots.client.store import Store

log = structlog.get_logger()

WAIT_FOR_NEWS = 30.0
"""Seconds the homeserver may hold a request while nothing happens."""
LONGEST_PAUSE = 60.0
ATTEMPTS_AT_ONE_SYNC = 5
TIMELINE = 50
"""Events of one room in one answer; what lies before is fetched (gaps.py)."""

USE_STATE_AFTER = "org.matrix.msc4222.use_state_after"

FILTER = json.dumps(
    {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "account_data": {"types": []},
            "ephemeral": {"types": ["m.receipt"]},
            "state": {"types": [*STATE_WE_KEEP, "m.room.member"]},
            "timeline": {"limit": TIMELINE},
        },
    },
    separators=(",", ":"),
)

Sleep = Callable[[float], Awaitable[None]]


class Sync:
    """Asks, hands each answer to `handle`, and only then remembers how far it came: at least once."""

    def __init__(
        self,
        api: Api,
        store: Store,
        handle: Callable[[Mapping[str, Any]], Awaitable[None]],
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._api = api
        self._store = store
        self._handle = handle
        self._sleep = sleep
        self._caught_up = False
        """Before that we do not wait for news: who starts us wants to know that we are there."""
        self.failures = 0
        """Requests and answers that went wrong in a row."""

    @property
    def since(self) -> str | None:
        """Token of the last answer that was handled."""
        return self._store.meta("sync_token")

    async def run(self) -> None:
        """Go on until cancelled. Raises Unauthorized when logging in again does not help."""
        while True:
            try:
                await self.once()
                self.failures = 0
            except Unauthorized:
                raise
            except (HomeserverDown, MatrixError) as error:
                await self._pause("sync.failed", error)
            except Exception as error:  # noqa: BLE001  one bad answer must not make the bot deaf
                await self._pause("sync.not_handled", error)

    async def once(self) -> None:
        """One request, and everything that follows from its answer."""
        params = {"filter": FILTER, "timeout": "0", USE_STATE_AFTER: "true"}
        if self.since is not None:
            params["since"] = self.since
        if self._caught_up:
            params["timeout"] = str(int(WAIT_FOR_NEWS * 1000))
        answer = await self._api.request(
            "GET", "/sync", params=params, timeout=WAIT_FOR_NEWS + 60, patience=0
        )
        token = answer["next_batch"]
        try:
            await self._handle(answer)
        except Exception as error:
            if isinstance(error, (HomeserverDown, Unauthorized)) or self.failures < ATTEMPTS_AT_ONE_SYNC - 1:
                raise
            log.error("sync.given_up", why=type(error).__name__)  # noqa: TRY400  a traceback may quote messages
        with self._store.transaction(durable=True):  # the homeserver deletes what we acknowledge
            self._store.set_meta("sync_token", token)
        self._caught_up = True

    async def _pause(self, what: str, error: Exception) -> None:
        self.failures += 1
        pause = backoff(self.failures, longest=LONGEST_PAUSE) * SystemRandom().uniform(0.7, 1.3)
        log.warning(what, why=type(error).__name__, pause=round(pause, 1), failures=self.failures)
        await self._sleep(pause)
