"""Whether the parts are well."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

Check = Callable[[], Awaitable[bool]]

PATIENCE = 2.0
"""Seconds until a check that does not answer counts as failed."""

logger = structlog.get_logger()


@dataclass(frozen=True)
class Report:
    """Names of the parts that are not well."""

    failing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is well."""
        return not self.failing


class Health:
    """Named checks, asked together."""

    def __init__(self, checks: Mapping[str, Check], patience: float = PATIENCE) -> None:
        self._checks = checks
        self._patience = patience

    async def report(self) -> Report:
        """Ask every part. One that raises or does not answer in time is not well."""
        answers = await asyncio.gather(*(self._ask(name) for name in self._checks))
        return Report(tuple(name for name, well in zip(self._checks, answers, strict=True) if not well))

    async def _ask(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                return await self._checks[name]()
        except Exception as error:  # noqa: BLE001 - a check that breaks is an answer
            logger.warning("check-failed", part=name, error=type(error).__name__)
            return False
