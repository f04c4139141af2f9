"""A small client of the Matrix client-server API, as the keeper and the warden use it.

It raises; it never returns an error.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from banyan.errors import BanyanError, HomeserverDown

JSON = dict[str, Any]
CLIENT_API: Final = "/_matrix/client/v3"
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


class MatrixError(BanyanError):
    """The homeserver refused. Its own text is left out: it may name people."""

    code = "homeserver-refused-request"

    def __init__(self, status: int, errcode: str, answer: Mapping[str, Any] | None = None) -> None:
        self.status = status
        self.errcode = errcode
        self.answer = answer or {}
        """What the homeserver answered: may carry ids, so it is never part of the text."""
        super().__init__(f"The homeserver refused a request ({status} {errcode}).")


class Api:
    """Requests with one token. `as_user` acts as that account (application services only).

    Use it as an async context manager, or call `close`. 429 is waited out. Lost connections and 5xx are tried
    again when repeating does no harm. `patience` is how long all this may take, in seconds.
    """

    def __init__(
        self, homeserver_url: str, token: str | None, *, as_user: str | None = None, patience: float = 60.0
    ) -> None:
        self._base = homeserver_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._as_user = as_user
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        repeatable: bool | None = None,
    ) -> JSON:
        """Return the answer's JSON object.

        `path` is quoted already (see `quoted`). `repeatable` says whether asking twice does no harm; GET, PUT
        and DELETE are taken to be. Raises MatrixError, or HomeserverDown when patience ends.
        """
        if repeatable is None:
            repeatable = method in _IDEMPOTENT
        query = {key: str(value) for key, value in (params or {}).items()}
        if self._as_user is not None:
            query["user_id"] = self._as_user
        url = URL(self._base + path, encoded=True).update_query(query)
        deadline = asyncio.get_running_loop().time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            failure: BanyanError
            try:
                status, answer = await self._once(method, url, body)
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                # a refused connection was never heard, so anything may be asked again
                again = repeatable or isinstance(error, aiohttp.ClientConnectorError)
                failure = HomeserverDown("The homeserver did not answer.")
            else:
                if status < 400:  # noqa: PLR2004
                    return answer
                failure = MatrixError(status, str(answer.get("errcode", "M_UNKNOWN")), answer)
                again = status == 429 or (status >= 500 and repeatable)  # noqa: PLR2004
                if status == 429:  # noqa: PLR2004
                    pause = max(_FIRST_PAUSE, answer.get("retry_after_ms", 0) / 1000)
            if not again or asyncio.get_running_loop().time() + pause > deadline:
                raise failure from None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self, method: str, url: URL, body: Mapping[str, Any] | None) -> tuple[int, JSON]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(total=60), raise_for_status=False
            )
        json = None if method == "GET" else dict(body or {})
        async with self._session.request(method, url, json=json) as response:
            try:
                answer = await response.json(content_type=None)
            except ValueError:
                answer = None
            if isinstance(answer, list):  # /state is the one that answers with a list
                answer = {"items": answer}
            return response.status, answer if isinstance(answer, dict) else {}


class Matrix(Api):
    """What the keeper and the warden do in rooms."""

    async def whoami(self) -> JSON:
        """Return `user_id` and, when the token belongs to one, `device_id`."""
        return await self.request("GET", f"{CLIENT_API}/account/whoami")

    async def create_room(self, body: Mapping[str, Any]) -> str:
        """Make a room and return its id. Not repeated when the answer is lost: the room may exist."""
        answer = await self.request("POST", f"{CLIENT_API}/createRoom", body)
        return str(answer["room_id"])

    async def put_state(
        self, room_id: str, kind: str, content: Mapping[str, Any], state_key: str = ""
    ) -> str:
        """Set a state event and return its id."""
        path = _room(room_id, "state", kind, state_key)
        return str((await self.request("PUT", path, content))["event_id"])

    async def get_state(self, room_id: str) -> list[JSON]:
        """Return every state event of a room the account is in."""
        return list((await self.request("GET", _room(room_id, "state")))["items"])

    async def joined_rooms(self) -> list[str]:
        """Return the rooms the account is in."""
        return list((await self.request("GET", f"{CLIENT_API}/joined_rooms"))["joined_rooms"])

    async def joined_members(self, room_id: str) -> set[str]:
        """Return who is in a room the account is in."""
        return set((await self.request("GET", _room(room_id, "joined_members")))["joined"])

    async def join(self, room_id: str) -> None:
        """Join, or stay joined."""
        await self.request("POST", f"{CLIENT_API}/join/{quoted(room_id)}", repeatable=True)

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invite; asking again for somebody invited does no harm."""
        await self.request("POST", _room(room_id, "invite"), {"user_id": user_id}, repeatable=True)

    async def kick(self, room_id: str, user_id: str) -> None:
        """Remove somebody or take an invitation back."""
        await self.request("POST", _room(room_id, "kick"), {"user_id": user_id}, repeatable=True)

    async def leave(self, room_id: str) -> None:
        """Leave, or stay out."""
        await self.request("POST", _room(room_id, "leave"), repeatable=True)


def quoted(part: str) -> str:
    """Return one segment of a path, quoted."""
    return quote(part, safe="")


def _room(room_id: str, *rest: str) -> str:
    return "/".join((f"{CLIENT_API}/rooms", *(quoted(part) for part in (room_id, *rest))))
