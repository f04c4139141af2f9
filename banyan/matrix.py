"""One request to the homeserver: quoted, patient, and raising what went wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import stamina
from yarl import URL

from banyan.errors import BanyanError, HomeserverDown

CLIENT_API: Final = "/_matrix/client/v3"
SHORTEST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
TOKEN_REFUSED: Final = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})


class MatrixError(BanyanError):
    """The homeserver refused. Its own text is left out: it may name people."""

    code = "homeserver-refused-request"

    def __init__(self, status: int, errcode: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"The homeserver refused a request ({status} {errcode}).")
        self.status = status
        self.errcode = errcode
        self.answer = answer or {}
        """What the homeserver answered: may carry ids, so it is never part of the text."""

    @property
    def retry_after(self) -> float:
        """Seconds it wants us to wait (429); one when it did not say."""
        wait = self.answer.get("retry_after_ms")
        return wait / 1000 if isinstance(wait, int) else 1.0


class Unauthorized(MatrixError):
    """The access token is not, or no longer, valid, and logging in again did not help."""


class NotReached(HomeserverDown):
    """Nobody listens there: the request was never heard, so it can do no harm to ask again."""


class Api:
    """Requests with one token. An async context manager, or call `close`.

    With `as_user` the token is an application service's and every request acts as that account. `patience` is
    how long a request may be tried, in seconds; its last attempt may end later.
    """

    def __init__(
        self, homeserver_url: str, token: str | None, *, as_user: str | None = None, patience: float = 60.0
    ) -> None:
        self._base = homeserver_url.rstrip("/")
        self._token = token
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
        params: Mapping[str, str | int] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109  one attempt's, handed on to aiohttp
        patience: float | None = None,
        repeatable: bool | None = None,
    ) -> Any:
        """Send one request and return the answer's JSON, an object or a list.

        Each `{}` of `path` is filled with a quoted segment; a path that does not start with `/_` belongs to
        the client-server API v3. `timeout` is for one attempt and `patience` for all, in seconds; without
        patience there is one attempt. `repeatable` says whether asking twice does no harm, by default true
        but for POST: then a lost answer and 5xx are tried again with growing jittered pauses. What was
        certainly not done, for nobody heard it or for a limit (429), is always tried again.

        Raises MatrixError, Unauthorized, HomeserverDown.
        """
        url = self._url(path, segments, params)
        harmless = method != "POST" if repeatable is None else repeatable
        clock = asyncio.get_running_loop().time
        deadline = clock() + (self._patience if patience is None else patience)

        def again(error: Exception) -> bool | float:
            left = deadline - clock()
            if isinstance(error, MatrixError):
                limited = error.status == HTTPStatus.TOO_MANY_REQUESTS
                return limited and left > error.retry_after and max(error.retry_after, SHORTEST_PAUSE)
            return left > 0 and isinstance(error, HomeserverDown if harmless else NotReached)

        async for attempt in stamina.retry_context(
            on=again, attempts=None, timeout=None, wait_initial=SHORTEST_PAUSE, wait_max=LONGEST_PAUSE
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
        if method != "GET":
            data = json.dumps(
                {} if body is None else body, ensure_ascii=False, separators=(",", ":")
            ).encode()
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
        # `from None`: aiohttp's texts carry the address, and with it ids.
        except aiohttp.ClientConnectorError:
            raise NotReached("The homeserver did not answer.") from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            raise HomeserverDown("The homeserver did not answer.") from None
        return _answer(status, raw)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _url(self, path: str, segments: tuple[str, ...], params: Mapping[str, str | int] | None) -> URL:
        filled = path.format(*map(_quoted, segments))
        prefix = "" if path.startswith("/_") else CLIENT_API
        query = dict(params or {})
        if self._as_user is not None:
            query["user_id"] = self._as_user
        tail = "&".join(f"{_quoted(name)}={_quoted(str(value))}" for name, value in query.items())
        return URL(f"{self._base}{prefix}{filled}" + (f"?{tail}" if tail else ""), encoded=True)


async def register_by_service(service: Api, localpart: str) -> None:
    """Register an account of an application service, without a device. Nothing happens when it exists."""
    body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
    try:
        await service.request("POST", "/register", body=body, repeatable=True)
    except MatrixError as error:
        if error.errcode != "M_USER_IN_USE":
            raise


def _quoted(part: str) -> str:
    return quote(part, safe="")


def _answer(status: int, raw: bytes) -> Any:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(answer, (dict, list)):
        # a proxy's page is no answer either
        raise HomeserverDown(f"The homeserver answered {status}.")
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    refusal = answer if isinstance(answer, dict) else {}
    errcode = str(refusal.get("errcode", "M_UNKNOWN"))
    refused = Unauthorized if status in (401, 403) and errcode in TOKEN_REFUSED else MatrixError
    raise refused(status, errcode, refusal)
