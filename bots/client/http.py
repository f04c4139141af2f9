"""One request to the homeserver: quoted, patient, and raising what went wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import stamina
from yarl import URL

from banyan.errors import HomeserverDown
from bots.client.errors import MatrixError, Unauthorized

CLIENT_API = "/_matrix/client/v3"
TOO_MANY_REQUESTS = 429
SERVER_FAULT = 500
TOKEN_REFUSED = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})


class Api:
    """The client-server API of one account.

    With `as_user` the token is an application service's and every request acts as that account.
    """

    def __init__(
        self,
        homeserver_url: str,
        access_token: str | None,
        *,
        as_user: str | None = None,
        patience: float = 45.0,
    ) -> None:
        self._base = homeserver_url.rstrip("/")
        self._token = access_token
        self._as_user = as_user
        self.relogin: Callable[[], Awaitable[str]] | None = None
        """Asked once for a new token when the homeserver no longer takes the present one."""
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._login_lock = asyncio.Lock()

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

    async def request(
        self,
        method: str,
        path: str,
        *segments: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109  one attempt's, handed on to aiohttp
        retry: bool = True,
    ) -> Any:
        """Send one request and return the answer's JSON.

        Each `{}` of `path` is filled with a quoted segment; a path that does not start with `/_` belongs to
        the client-server API v3. `timeout` is for one attempt, in seconds. With `retry` connection losses and
        5xx are tried again with growing jittered pauses until the patience is used up; without it only 429
        is, since there the homeserver did nothing. Raises MatrixError, Unauthorized, HomeserverDown.
        """
        url = self._url(path, segments, params)

        def again(error: Exception) -> bool | float:
            if isinstance(error, MatrixError) and error.status == TOO_MANY_REQUESTS:
                return True if error.retry_after is None else error.retry_after
            return retry and isinstance(error, HomeserverDown)

        async for attempt in stamina.retry_context(
            on=again, attempts=None, timeout=self._patience, wait_initial=0.2, wait_max=10.0
        ):
            with attempt:
                return await self._authorized(method, url, body, timeout)
        raise AssertionError("stamina returns or raises")

    async def _authorized(self, method: str, url: URL, body: Any, limit: float) -> Any:
        token = self._token
        try:
            return await self._once(method, url, body, limit, token)
        except Unauthorized:
            if self.relogin is None:
                raise
        async with self._login_lock:
            if self._token == token:  # else another request has logged in meanwhile
                self._token = await self.relogin()
        return await self._once(method, url, body, limit, self._token)

    async def _once(self, method: str, url: URL, body: Any, limit: float, token: str | None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        try:
            async with self._connections().request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=limit),
                allow_redirects=False,
            ) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            # `from None`: aiohttp's texts carry the address, and with it ids.
            raise HomeserverDown("The homeserver did not answer.") from None
        return _answer(status, raw)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _url(self, path: str, segments: tuple[str, ...], params: Mapping[str, str] | None) -> URL:
        filled = path.format(*(quote(segment, safe="") for segment in segments))
        prefix = "" if path.startswith("/_") else CLIENT_API
        query = dict(params or {})
        if self._as_user is not None:
            query["user_id"] = self._as_user
        tail = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
        return URL(f"{self._base}{prefix}{filled}" + (f"?{tail}" if tail else ""), encoded=True)


def _answer(status: int, raw: bytes) -> Any:
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if status >= SERVER_FAULT or not isinstance(answer, (dict, list)):  # a proxy's page is no answer either
        raise HomeserverDown(f"The homeserver answered {status}.")
    if status == 200:  # noqa: PLR2004
        return answer
    answer = answer if isinstance(answer, dict) else {}
    errcode = str(answer.get("errcode", "M_UNKNOWN"))
    if status in (401, 403) and errcode in TOKEN_REFUSED:
        raise Unauthorized(status, errcode)
    wait = answer.get("retry_after_ms")
    raise MatrixError(status, errcode, wait / 1000 if isinstance(wait, (int, float)) else None)
