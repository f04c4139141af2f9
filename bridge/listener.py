"""Listening: a web server that keeps quiet about what people send it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

LINGER = 1.0
"""Seconds a sender that was refused may go on sending, so that it gets to read why."""


class Wordless(logging.Filter):
    """Leaves of a record only the class of its error: aiohttp quotes the bytes of malformed requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record."""
        kind = record.exc_info[0] if record.exc_info else None
        record.msg, record.args = "a request failed: %s", (kind.__name__ if kind else "unknown",)
        record.exc_info = record.exc_text = record.stack_info = None
        return True


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the app until the block ends; yields the port. Raise `OSError` when it is taken."""
    logger = logging.getLogger("banyan.http")
    if not any(isinstance(one, Wordless) for one in logger.filters):
        logger.addFilter(Wordless())
    runner = web.AppRunner(
        app,
        logger=logger,
        access_log=None,  # addresses and paths: a path may carry a token
        auto_decompress=False,  # a signature is over the bytes, and a small body must not become a large one
        lingering_time=LINGER,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
