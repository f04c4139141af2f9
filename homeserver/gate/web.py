"""What Banyan can ask of the gate over HTTP, with a bearer secret."""

import hmac
from http import HTTPStatus
from typing import Any

from synapse.module_api import (
    DirectServeJsonResource,
    SynapseRequest,
    UserID,
    parse_json_object_from_request,
)
from synapse.module_api.errors import Codes, SynapseError

from homeserver.gate.joining import Joining
from homeserver.gate.leaving import Leaving
from homeserver.gate.refusals import Refusals
from homeserver.gate.survey import Survey
from homeserver.gate.table import Table, TableUnavailableError


class _Guarded(DirectServeJsonResource):  # type: ignore[misc] # Synapse is Any to mypy
    """A resource that answers only who knows the secret."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._expected = f"Bearer {secret}".encode()

    def _authenticate(self, request: SynapseRequest) -> None:
        if not hmac.compare_digest(request.getHeader(b"Authorization") or b"", self._expected):
            raise SynapseError(HTTPStatus.UNAUTHORIZED, "This is for Banyan itself.", Codes.UNKNOWN_TOKEN)


class AdmitResource(_Guarded):
    """POST {"user_id"} → {"joined": [room ids], "already": n, "refused": [room ids]}. Safe to repeat."""

    def __init__(self, secret: str, joining: Joining) -> None:
        super().__init__(secret)
        self._joining = joining

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self._authenticate(request)
        user_id = parse_json_object_from_request(request).get("user_id")
        if not (isinstance(user_id, str) and UserID.is_valid(user_id) and self._joining.is_local(user_id)):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "user_id must be of this server", Codes.INVALID_PARAM)
        try:
            admitted = await self._joining.admit(user_id)
        except TableUnavailableError:
            raise SynapseError(HTTPStatus.SERVICE_UNAVAILABLE, "The table cannot be read.") from None
        return HTTPStatus.OK, admitted.as_json()


class ExpelResource(_Guarded):
    """POST {"user_id", "room_ids"} → {"left": [room ids], "refused": [room ids]}. Safe to repeat.

    `room_ids` is a list, or null for every room.
    """

    def __init__(self, secret: str, leaving: Leaving) -> None:
        super().__init__(secret)
        self._leaving = leaving

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self._authenticate(request)
        body = parse_json_object_from_request(request)
        user_id, room_ids = body.get("user_id"), body.get("room_ids", "")
        if not (isinstance(user_id, str) and UserID.is_valid(user_id) and self._leaving.may_expel(user_id)):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "user_id must be a member's", Codes.INVALID_PARAM)
        if not (room_ids is None or isinstance(room_ids, list)):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "room_ids: a list, or null", Codes.INVALID_PARAM)
        return HTTPStatus.OK, (await self._leaving.expel(user_id, room_ids)).as_json()


class PingResource(_Guarded):
    """POST → {"table": whether it can be read, "refused": {reason: count since this worker started}}."""

    def __init__(self, secret: str, table: Table, refusals: Refusals) -> None:
        super().__init__(secret)
        self._table = table
        self._refusals = refusals

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self._authenticate(request)
        try:
            self._table.check()
        except TableUnavailableError:
            return HTTPStatus.OK, {"table": False, "refused": dict(self._refusals.counts)}
        return HTTPStatus.OK, {"table": True, "refused": dict(self._refusals.counts)}


class SurveyResource(_Guarded):
    """POST {"marks": {room id: mark}} or {"room": room id} → everything that `Survey` sees, or one room.

    The state of a room whose mark is the one given is null: it has not changed.
    """

    def __init__(self, secret: str, survey: Survey) -> None:
        super().__init__(secret)
        self._survey = survey

    async def _async_render_POST(self, request: SynapseRequest) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self._authenticate(request)
        body = parse_json_object_from_request(request)
        room_id, marks = body.get("room"), body.get("marks") or {}
        if isinstance(room_id, str):
            return HTTPStatus.OK, await self._survey.room(room_id)
        if not isinstance(marks, dict):
            raise SynapseError(HTTPStatus.BAD_REQUEST, "marks: room id → mark", Codes.INVALID_PARAM)
        return HTTPStatus.OK, await self._survey.everything(marks)
