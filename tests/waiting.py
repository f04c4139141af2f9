"""Waiting for what another process or task makes true, without ever sleeping for luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE = 90.0
"""Seconds: far more than anything here takes: the machine of a test run may be busy."""


async def until(
    question: Callable[[], object | Awaitable[object]], within: float = PATIENCE, every: float = 0.05
) -> float:
    """Ask again and again until the answer is true; after how many seconds it was.

    The question may be a coroutine function. Raise `AssertionError` that names it and its last answer.
    """
    began, answer = time.monotonic(), None
    try:
        async with asyncio.timeout(within):
            while True:
                answer = question()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return time.monotonic() - began
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"after {within:g} s still {answer!r:.200}: {_named(question)}") from None


def _named(question: Callable[..., object]) -> str:
    try:
        return inspect.getsource(question).strip()
    except (OSError, TypeError):
        return repr(question)
