"""The join page: a link with a token becomes an account, without a script and on any phone.

`GET /join/{token}` shows the pseudonym and asks for a passphrase, `POST` registers. Nothing here stores or
logs a token or a passphrase. The token stands in the path: the listener must run without an access log.
"""

import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Protocol
from urllib.parse import parse_qsl

import structlog
from aiohttp import hdrs, web

from banyan.errors import HomeserverDown, TokenSpent, WeakPassphrase
from banyan.i18n import ENDONYMS, N_, best_language
from banyan.services.members import SHORTEST
from banyan.web.headers import from_our_page
from banyan.web.pages import page
from banyan.web.repeats import Repeats
from banyan.web.site import Site

LONGEST = 200
"""Characters of a passphrase; Synapse takes no more than 512."""

LARGEST_FORM = 8192
"""Bytes of a submitted form."""

_RETRY_AFTER: Mapping[str, str] = {hdrs.RETRY_AFTER: "120"}

DIFFERENT = N_("The two passphrases are not the same. Please type them again.")
TOO_WEAK = N_("This passphrase is too easy to guess. Please choose one with at least {shortest} characters.")
TOO_LONG = N_("This passphrase is too long. Please choose a shorter one.")
EDGE_SPACE = N_("The passphrase begins or ends with a space. Please type it again without that space.")

Handler = Callable[["_Pages", web.Request], Awaitable[web.Response]]

log = structlog.get_logger()


class Invited(Protocol):
    """What the page may know of an invitation."""

    @property
    def localpart(self) -> str:
        """The pseudonym."""

    @property
    def language(self) -> str:
        """BCP 47 tag that the inviter chose."""

    @property
    def expires(self) -> datetime:
        """When the token stops working."""


class Members(Protocol):
    """What the page asks of the members' service."""

    async def look(self, token: str) -> Invited:
        """Raise `TokenSpent` for a used, an expired and an unknown token alike."""

    async def register(self, token: str, passphrase: str, language: str) -> str:
        """Return the user id. Raise `TokenSpent`, `WeakPassphrase` or `HomeserverDown`."""


def join_routes(
    members: Members,
    site: Site,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[web.RouteDef]:
    """`GET` and `POST /join/{token}`, in the language of `?lang=`, of the invitation or of the browser."""
    pages = _Pages(members, site, now)
    return [web.get("/join/{token:.*}", pages.show), web.post("/join/{token:.*}", pages.submit)]


def _kindly(handler: Handler) -> Handler:
    """Turn what can go wrong into a page that says what to do. The link never costs anybody an invitation."""

    @wraps(handler)
    async def wrapped(self: "_Pages", request: web.Request) -> web.Response:
        language = _language(request)
        try:
            return await handler(self, request)
        except TokenSpent:
            return page("closed", language, status=410)
        except HomeserverDown:
            return page("trouble", language, status=503, headers=_RETRY_AFTER, reference=None)
        except Exception as error:  # noqa: BLE001  whoever is at the other end gets a page, whatever broke
            reference = secrets.token_hex(2)
            # Without the traceback: an exception's text may carry what was typed.
            log.error("join page failed", reference=reference, error=type(error).__name__)  # noqa: TRY400
            return page("trouble", language, status=500, reference=reference)

    return wrapped


class _Pages:
    def __init__(self, members: Members, site: Site, now: Callable[[], datetime]) -> None:
        self._members = members
        self._site = site
        self._now = now
        self._repeats = Repeats()

    @_kindly
    async def show(self, request: web.Request) -> web.Response:
        return await self._invitation(request)

    @_kindly
    async def submit(self, request: web.Request) -> web.Response:
        form = await _read_form(request)
        if form is None or not from_our_page(request, self._site.web_url):
            return page("trouble", _language(request), status=400, reference=None)
        token, passphrase = request.match_info["token"], form.get("passphrase", "")
        if problem := _problem(passphrase, form.get("again", "")):
            return await self._invitation(request, problem)
        try:
            user_id = await self._repeats.once(
                token,
                passphrase,
                act=lambda: self._register(request, token, passphrase),
            )
        except WeakPassphrase:
            return await self._invitation(request, TOO_WEAK)
        language = _language(request)
        return page("in", language, user_id=user_id, homeserver_url=self._site.homeserver_url)

    async def _register(self, request: web.Request, token: str, passphrase: str) -> str:
        invited = await self._members.look(token)
        return await self._members.register(token, passphrase, _language(request, invited.language))

    async def _invitation(self, request: web.Request, problem: str | None = None) -> web.Response:
        invited = await self._members.look(request.match_info["token"])
        return page(
            "join",
            _language(request, invited.language),
            status=400 if problem else 200,
            localpart=invited.localpart,
            hours=max(1, math.ceil((invited.expires - self._now()) / timedelta(hours=1))),
            shortest=SHORTEST,
            problem=problem,
        )


def _problem(passphrase: str, again: str) -> str | None:
    if passphrase != again:
        return DIFFERENT
    if passphrase != passphrase.strip():
        return EDGE_SPACE
    if len(passphrase) < SHORTEST:
        return TOO_WEAK
    return TOO_LONG if len(passphrase) > LONGEST else None


def _language(request: web.Request, chosen: str | None = None) -> str:
    for tag in (request.query.get("lang"), chosen):
        if tag is not None and tag in ENDONYMS:
            return tag
    return best_language(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


async def _read_form(request: web.Request) -> Mapping[str, str] | None:
    """Read a small form sent by a page; None for anything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > LARGEST_FORM:
            return None
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="strict")
        )
    except ValueError:
        return None
