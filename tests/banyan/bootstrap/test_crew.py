"""Tasks beside each other."""

import asyncio
import warnings

import pytest

from banyan.bootstrap.crew import Crew, unless_stopped


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("what somebody wrote")


async def test_one_that_falls_takes_nobody_along():
    """It is named; the others go on, and one that is stopped has not fallen."""
    async with Crew() as crew:
        crew.start("good", for_ever())
        crew.start("bad", fail())
        for _ in range(10):  # rounds of the loop, not time
            await asyncio.sleep(0)
        await crew.stop("good")
        assert crew.fallen == {"bad"}


async def test_work_stopped_before_it_began_leaves_no_warning():
    """Ctrl-C right after the start must not frighten with Python's words about coroutines."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Crew() as crew:
            crew.start("early", for_ever())
        assert not crew.fallen


async def test_a_stop_ends_what_is_under_way():
    """Ctrl-C while a network grows is heard at once."""
    stop, given_up = asyncio.Event(), asyncio.Event()

    async def grow() -> None:
        try:
            stop.set()
            await for_ever()
        finally:
            given_up.set()

    async with asyncio.timeout(60):
        assert not await unless_stopped(stop, grow())
    assert given_up.is_set()


async def test_what_is_done_or_fails_is_told():
    """Without a stop it is as if the work had been awaited."""

    async def done() -> None:
        return

    assert await unless_stopped(asyncio.Event(), done())
    with pytest.raises(ValueError, match="wrote"):
        await unless_stopped(asyncio.Event(), fail())
