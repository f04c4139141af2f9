"""Sending an effect of the outbox exactly once, whatever died in between."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from banyan.domain.effects import Effect
from banyan.services.outbox import Never
from banyan.services.ports import Clock
from bots.client import Client, MatrixError

MARK = "social.banyan.outbox"
"""Key beside the ciphertext that carries the effect's opaque id."""

PROMISE = timedelta(hours=23)
"""Synapse forgets transaction ids after 24 h; an hour is left for its clock and ours."""

SLACK = timedelta(minutes=10)

MESSAGE = "m.room.message"

TOO_LARGE = "M_TOO_LARGE"


class Outgoing:
    """Sends for one speaking account."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def send(
        self,
        effect: Effect,
        room_id: str,
        content: Mapping[str, Any],
        *,
        type: str = MESSAGE,  # noqa: A002  Matrix's word
        part: str = "",
    ) -> str:
        """Send `content` to the room and return the event id, the same one however often it is called.

        `part` tells apart the events of an effect that makes more than one. The homeserver remembers a
        transaction id for the same device and 24 hours. Beyond either, an earlier attempt may have arrived
        without our knowing, so the room is looked through for the mark.
        """
        mark = effect.id + part
        if self._beyond_promise(effect):
            assert effect.first_attempt is not None  # noqa: S101 - an effect that was attempted has the time
            since = int((effect.first_attempt - SLACK).timestamp() * 1000)
            found = await self._client.find_own(room_id, MARK, mark, not_before_ms=since)
            if found is not None:
                return found
        try:
            return await self._client.send(room_id, content, txn_id=mark, type=type, beside={MARK: mark})
        except MatrixError as refused:
            if refused.errcode == TOO_LARGE:  # for ever: it would keep all that is said there later waiting
                raise Never("too-large") from None
            raise

    def _beyond_promise(self, effect: Effect) -> bool:
        if effect.first_attempt is None:
            return False
        other_device = effect.device_id != self._client.device_id
        return other_device or self._clock.now() - effect.first_attempt > PROMISE
