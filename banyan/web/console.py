"""The console: pages on which the security staff see whether the rules are kept. They change nothing.

`GET` of a link shows a button, for messengers and browsers fetch links by themselves; the `POST` behind it
uses the link up. The listener is on loopback: who comes by a tunnel is asked for the cookie all the same,
and only names of loopback are answered, for a page elsewhere may let its own name point here.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from aiohttp import hdrs, web

from banyan.domain.notes import PublicKey
from banyan.domain.people import Member
from banyan.i18n import best_language
from banyan.network import Network
from banyan.services.console import SESSION, Console
from banyan.services.limits import Bucket
from banyan.services.ports import Clock, Work
from banyan.web.console_html import Reader, file, page, redirect
from banyan.web.console_pages import Devices, NoSuchPage, Pages, Values
from banyan.web.grid import Dull
from banyan.web.headers import from_our_page

HOME: Final = "/console"
COOKIE: Final = "banyan_console"
"""Cookies know no ports: the name keeps it apart from what else runs on the officer's machine."""

LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
TOKEN = re.compile(r"[0-9a-f]{64}")

LARGEST = 1024
"""Bytes of a form: ours have no fields."""

TRIES, PERIOD = 20, timedelta(minutes=1)
"""Links that may be tried, right or wrong: each try waits for the one who may write, and so do alarms."""

Handler = Callable[[web.Request], Awaitable[web.Response]]
Show = Callable[[web.Request, Reader], Awaitable[Values]]

log = structlog.get_logger()


def console_routes(
    console: Console,
    work: Work,
    clock: Clock,
    *,
    network: Network,
    devices: Devices,
    keys: Callable[[], Sequence[PublicKey]],
) -> list[web.RouteDef]:
    """Everything under `/console`.

    `devices` tells how many a member (pseudonym) has; `keys` are those whose checkpoints of the log count.
    """
    door = _Door(console, network, Bucket(TRIES, PERIOD, clock))
    pages = Pages(work, clock, network, devices, keys)
    shown: Mapping[str, tuple[str, Show]] = {
        HOME: ("network", pages.glance),
        f"{HOME}/findings": ("findings", pages.findings),
        f"{HOME}/rules": ("rules", pages.rules),
        f"{HOME}/rooms/{{key}}": ("room", pages.room),
        f"{HOME}/members/{{name}}": ("member", pages.member),
        f"{HOME}/time": ("time", pages.time),
        f"{HOME}/waivers": ("waivers", pages.waivers),
        f"{HOME}/waiting": ("waiting", pages.waiting),
        f"{HOME}/log": ("log", pages.log),
    }
    return [
        web.get(f"{HOME}/style.css", _guarded(_style)),
        web.get(f"{HOME}/icon.svg", _guarded(_icon)),
        web.get(f"{HOME}/open/{{token}}", _guarded(door.ask)),
        web.post(f"{HOME}/open/{{token}}", _guarded(door.open)),
        web.post(f"{HOME}/leave", _guarded(door.leave)),
        *(web.get(path, _guarded(partial(door.show, *each))) for path, each in shown.items()),
        web.route("*", f"{HOME}{{rest:(/.*)?}}", _guarded(_nothing)),
    ]


def _guarded(handler: Handler) -> Handler:
    """Answer only who came by a name of loopback and with a small form of ours; whatever breaks is a page."""

    async def guarded(request: web.Request) -> web.Response:
        stranger = _stranger(request)
        if not LOOPBACK.fullmatch(request.host):
            return page("nothing", stranger, status=421)
        if request.body_exists and (request.content_length is None or request.content_length > LARGEST):
            return page("nothing", stranger, status=413)
        if request.method == hdrs.METH_POST and not from_our_page(request):
            return page("nothing", stranger, status=400)
        try:
            return await handler(request)
        except NoSuchPage:
            return page("nothing", stranger, status=404)
        except Exception as error:  # noqa: BLE001 - an officer gets a page, whatever broke
            reference = secrets.token_hex(2)
            log.error("console-failed", reference=reference, error=type(error).__name__)  # noqa: TRY400
            return page("trouble", stranger, status=500, reference=reference)

    return guarded


class _Door:
    """Who may see a page."""

    def __init__(self, console: Console, network: Network, tries: Bucket) -> None:
        self._console = console
        self._network = network
        self._tries = tries
        self._dull = Dull(network)

    async def ask(self, request: web.Request) -> web.Response:
        """One button. Whether the link opens anything is not told before it is used."""
        if not TOKEN.fullmatch(request.match_info["token"]):
            return page("shut", _stranger(request), status=403)
        return page("open", _stranger(request))

    async def open(self, request: web.Request) -> web.Response:
        """Use the link up."""
        token = request.match_info["token"]
        if not TOKEN.fullmatch(token):
            return page("shut", _stranger(request), status=403)
        if not self._tries.take():
            return page("later", _stranger(request), status=429)
        session = await self._console.enter(token, _browser(request))
        if session is None:
            return page("shut", _stranger(request), status=403)
        answer = redirect(HOME)
        answer.set_cookie(
            COOKIE,
            session,
            max_age=int(SESSION.total_seconds()),
            path=HOME,
            httponly=True,
            samesite="Strict",
        )
        return answer

    async def leave(self, request: web.Request) -> web.Response:
        """End the officer's sessions."""
        member = await self._officer(request)
        if member is not None:
            await self._console.leave(member)
        answer = page("left", _stranger(request))
        _forget(answer)
        return answer

    async def show(self, name: str, values: Show, request: web.Request) -> web.Response:
        """A page, for whom may see it now."""
        member = await self._officer(request)
        if member is None:
            answer = page("shut", _stranger(request), status=403)
            _forget(answer)
            return answer
        zone = self._network.zone_of(member.placement.area)
        reader = Reader(member.language, zone, member.localpart)
        filled = await values(request, reader)
        return await asyncio.to_thread(partial(page, name, reader, here=name, dull=self._dull, **filled))

    async def _officer(self, request: web.Request) -> Member | None:
        session = request.cookies.get(COOKIE, "")
        return await self._console.officer(session, _browser(request)) if TOKEN.fullmatch(session) else None


async def _style(_: web.Request) -> web.Response:
    return file("style.css", "text/css")


async def _icon(_: web.Request) -> web.Response:
    return file("icon.svg", "image/svg+xml")


async def _nothing(_: web.Request) -> web.Response:
    raise NoSuchPage


def _stranger(request: web.Request) -> Reader:
    return Reader(best_language(request.headers.get(hdrs.ACCEPT_LANGUAGE, "")))


def _browser(request: web.Request) -> str:
    return request.headers.get(hdrs.USER_AGENT, "")


def _forget(answer: web.Response) -> None:
    answer.del_cookie(COOKIE, path=HOME, httponly=True, samesite="Strict")
