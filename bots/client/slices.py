"""Long work in short pieces, so that the event loop is never away for long."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

SLICE = 50
"""Devices or people whose keys are handled between two breaths of the event loop: about 10 ms."""


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut `items` into lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


async def slices(items: Iterable[T], size: int = SLICE) -> AsyncIterator[list[T]]:
    """Like `chunks`, letting other tasks run between two of them."""
    for chunk in chunks(items, size):
        yield chunk
        await asyncio.sleep(0)
