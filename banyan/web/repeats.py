"""The same form sent twice gets the same answer, as people on bad networks press a button twice."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Coroutine

KEPT_SECONDS = 900
KEPT_FORMS = 500


class Repeats:
    """Remembers for a quarter of an hour what came of a form, by a keyed digest of what was in it.

    Without it, whoever loses the first answer to a dead connection would be told that their link is spent,
    and would not know that they are in.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[float, asyncio.Task[str]]] = {}

    async def once(self, *secret: str, act: Callable[[], Coroutine[None, None, str]]) -> str:
        """Await `act`, or what came of it for the same `secret`s. A failure is passed on and forgotten.

        The act goes on when the caller is cancelled: the person's phone may come back for the answer.
        """
        self._forget()
        digest = hmac.digest(self._key, "\0".join(secret).encode("utf-8", "surrogatepass"), "sha256")
        if digest not in self._known:
            task = asyncio.create_task(act())
            self._known[digest] = (self._monotonic(), task)
            task.add_done_callback(lambda done: self._drop_failed(digest, done))
        return await asyncio.shield(self._known[digest][1])

    def _drop_failed(self, digest: bytes, done: asyncio.Task[str]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._known.pop(digest, None)

    def _forget(self) -> None:
        horizon = self._monotonic() - KEPT_SECONDS
        while self._known:
            oldest = next(iter(self._known))
            if self._known[oldest][0] >= horizon and len(self._known) < KEPT_FORMS:
                return
            del self._known[oldest]
