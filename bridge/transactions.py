"""The private listener's part: what the homeserver tells the warden, and the metrics.

The warden's application service is told every event of the warden's rooms. Of all that only the state of
rooms is looked at, and what takes some of it back; nothing is stored but that a transaction was handled.
"""

import hmac
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import structlog
from aiohttp import hdrs, web

from banyan.services.hearing import Ears
from banyan.services.members import Join
from banyan.services.reconciling import Changed
from bridge.metrics import Metrics

LARGEST = 32 * 1024 * 1024
"""Bytes of a transaction: a hundred events of 64 KiB, and room for what the homeserver adds to each."""

logger = structlog.get_logger()


def private_routes(hs_token: str, ears: Ears, metrics: Metrics) -> list[web.RouteDef]:
    """The application-service API of the warden, and `GET /metrics`."""

    async def transaction(request: web.Request) -> web.Response:
        if refusal := _stranger(request, hs_token):
            return refusal
        try:
            events = _events(await _read(request))
        except ValueError:
            metrics.transactions.labels("unreadable").inc()
            return _error(400, "M_NOT_JSON")
        try:
            mark = _mark(request.match_info["txn"], events)
            await ears.heard(mark, list(_joins(events)), list(_changes(events)))
        except Exception as error:  # noqa: BLE001 - an answer of 5xx makes the homeserver repeat the transaction
            metrics.transactions.labels("failed").inc()
            logger.error("transaction-failed", error=type(error).__name__)  # noqa: TRY400
            return _error(503, "M_UNKNOWN")
        metrics.transactions.labels("handled").inc()
        return web.json_response({})

    async def ping(request: web.Request) -> web.Response:
        return _stranger(request, hs_token) or web.json_response({})

    async def nobody(request: web.Request) -> web.Response:
        return _stranger(request, hs_token) or _error(404, "M_NOT_FOUND")

    async def counts(_: web.Request) -> web.Response:
        return web.Response(body=await metrics.render(), headers={hdrs.CONTENT_TYPE: metrics.content_type})

    return [
        web.put("/_matrix/app/v1/transactions/{txn}", transaction),
        web.post("/_matrix/app/v1/ping", ping),
        web.get("/_matrix/app/v1/users/{user}", nobody),
        web.get("/_matrix/app/v1/rooms/{alias}", nobody),
        web.get("/metrics", counts),
    ]


def _stranger(request: web.Request, hs_token: str) -> web.Response | None:
    """A refusal for whoever is not our homeserver."""
    given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
    if not given:
        return _error(401, "M_UNAUTHORIZED")
    right = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), hs_token.encode())
    return None if right else _error(403, "M_FORBIDDEN")


async def _read(request: web.Request) -> Any:
    raw = bytearray()
    async for chunk in request.content.iter_any():  # aiohttp's own limit of 1 MiB is too small
        raw += chunk
        if len(raw) > LARGEST:
            raise ValueError("too large")
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("too deep") from None


def _events(body: Any) -> Sequence[dict[str, Any]]:
    events = body.get("events") if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise ValueError("no list of events")  # noqa: TRY004 - the same answer as for what is not JSON
    return [event for event in events if isinstance(event, dict)]


def _joins(events: Sequence[dict[str, Any]]) -> Iterator[Join]:
    for event in events:
        content = event.get("content")
        if event.get("type") != "m.room.member" or not isinstance(content, dict):
            continue
        user_id, room_id = event.get("state_key"), event.get("room_id")
        if content.get("membership") == "join" and isinstance(user_id, str) and isinstance(room_id, str):
            yield Join(user_id, room_id)


def _changes(events: Sequence[dict[str, Any]]) -> Iterator[Changed]:
    for event in events:
        kind, content = event.get("type"), event.get("content")
        # a redaction may take a state event back, and does not tell
        state_key = "" if kind == "m.room.redaction" else event.get("state_key")
        told = (event.get("room_id"), kind, state_key, event.get("sender"))
        if all(isinstance(each, str) for each in told):
            room_id, kind, state_key, sender = map(str, told)
            yield Changed(room_id, kind, state_key, sender, content if isinstance(content, dict) else {})


def _mark(txn: str, events: Sequence[dict[str, Any]]) -> str:
    """What is remembered of a transaction.

    The events are part of it: a homeserver that lost its database counts its transactions from 1 again.
    """
    ids = json.dumps([txn, *(str(event.get("event_id")) for event in events)])
    return f"transaction:{sha256(ids.encode()).hexdigest()}"


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"errcode": code, "error": "Refused."}, status=status)
