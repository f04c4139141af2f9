"""The public listener's part: alerts come in, their senders see how far they have come.

No input makes it answer 5xx: what it does not understand it refuses. It trusts nothing but the bytes it read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.web_exceptions import HTTPException

from banyan.domain.alerts import RoomDelivery
from banyan.errors import NotFound
from banyan.services.alert_body import LARGEST
from banyan.services.alerts import Alerts, AlertStatus
from banyan.services.health import Health
from banyan.services.intake import Intake
from banyan.services.intake_errors import AlreadySent, BadBody, NotJson, Refused, TooLarge, Unsigned
from bridge.metrics import Metrics

PATIENCE = 15.0
"""Seconds for a body to arrive."""

TOO_LARGE = f"An alert has at most {LARGEST} bytes."
SENDER = "Banyan-Sender"
SIGNATURE = "Banyan-Signature"

Handler = Callable[[web.Request], Awaitable[web.Response]]

logger = structlog.get_logger()


def public_routes(intake: Intake, alerts: Alerts, health: Health, metrics: Metrics) -> list[web.RouteDef]:
    """`POST /alerts`, `GET /alerts/{id}/{secret}`, `GET /health`."""

    @_answering
    async def submit(request: web.Request) -> web.Response:
        try:
            raw = await _body(request)
            sender, signature = _one(request, SENDER), _one(request, SIGNATURE)
            accepted = await intake.submit(sender, signature, raw)
        except Refused as refusal:
            metrics.alerts.labels(refusal.code).inc()
            answer = _refused(refusal)
            if not request.content.is_eof():
                answer.force_close()  # what is still to come is not worth reading
            return answer
        metrics.alerts.labels(accepted.state.value).inc()
        return _json(
            {"id": accepted.id, "state": accepted.state.value, "status_url": accepted.status_url}, status=202
        )

    @_answering
    async def status(request: web.Request) -> web.Response:
        try:
            found = await alerts.status(request.match_info["id"], request.match_info["secret"])
        except NotFound as error:
            return _json({"error": error.code, "message": str(error)}, status=404)
        return _json(_status(found))

    @_answering
    async def well(_: web.Request) -> web.Response:
        report = await health.report()
        return _json({"ok": report.ok, "failing": list(report.failing)}, status=200 if report.ok else 503)

    return [
        web.post("/alerts", submit),
        web.get("/alerts/{id}/{secret}", status, allow_head=False),
        web.get("/health", well),
    ]


def _answering(handler: Handler) -> Handler:
    """Our own failures become 503 with a sentence; the log gets their class, never their text."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (asyncio.CancelledError, HTTPException):
            raise
        except Exception as error:  # noqa: BLE001 - the database may be away; the sender has to know to try again
            logger.error("request-failed", route=handler.__name__, error=type(error).__name__)  # noqa: TRY400
            unavailable = {"error": "unavailable", "message": "Something failed on our side. Try again soon."}
            return _json(unavailable, status=503, headers={hdrs.RETRY_AFTER: "5"})

    return answer


async def _body(request: web.Request) -> bytes:
    """Read the body, and no more than is allowed, whatever the headers say about its length."""
    if request.content_type != "application/json" or request.headers.get(hdrs.CONTENT_ENCODING):
        raise NotJson("Send the alert as application/json, not compressed: the signature is over the bytes.")
    if (request.content_length or 0) > LARGEST:
        raise TooLarge(TOO_LARGE)
    raw = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.content.iter_any():
                raw += chunk
                if len(raw) > LARGEST:
                    raise TooLarge(TOO_LARGE)
    except (web.RequestPayloadError, ConnectionError, TimeoutError):
        raise BadBody("The body did not arrive whole.") from None
    return bytes(raw)


def _one(request: web.Request, header: str) -> str | None:
    values = request.headers.getall(header, [])
    if len(values) > 1:
        raise Unsigned(f"The header {header} must be there once.")
    return values[0] if values else None


def _refused(refusal: Refused) -> web.Response:
    answer = {"error": refusal.code, "message": str(refusal)}
    if isinstance(refusal, AlreadySent):
        answer |= {"id": refusal.alert_id, "status_url": refusal.status_url}
    return _json(answer, status=refusal.status)


def _status(found: AlertStatus) -> dict[str, Any]:
    return {"id": found.id, "state": found.state.value, "rooms": [_room(room) for room in found.rooms]}


def _room(room: RoomDelivery) -> dict[str, Any]:
    return {
        "area": room.area,
        "room_id": room.room_id,
        "state": room.state.value,
        "event_id": room.event_id,
        "queued": _moment(room.queued),
        "sent": _moment(room.sent),
        "seen": room.seen,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _json(body: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    kept = {hdrs.CACHE_CONTROL: "no-store", **(headers or {})}
    return web.json_response(body, status=status, headers=kept)
