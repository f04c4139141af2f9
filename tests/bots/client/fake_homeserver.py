"""A homeserver on loopback that remembers: enough for encrypted rooms, and faults on demand.

It is trusted as little as a real one. `requests` holds all that was asked, `fail` makes the next requests go
wrong, and tests may change anything it holds, as an attacker on the server could.
"""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from bots.client.rooms import STATE_AFTER
from bots.client.sync import USE_STATE_AFTER

SERVER_NAME = "fake.test"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
PATIENCE = 10.0
Handler = Callable[["Request"], Any]


class Refuse(Exception):
    """Answer with this status and errcode."""

    def __init__(self, status: int, errcode: str, **more: Any) -> None:
        super().__init__(errcode)
        self.status, self.body = status, {"errcode": errcode, "error": "", **more}


@dataclass
class Request:
    """One request, as its handler sees it."""

    user: str
    device: str
    args: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


@dataclass
class Fault:
    """How matching requests go wrong: a status, a page that is no JSON, or no answer at all."""

    pattern: re.Pattern[str]
    times: int
    status: int = 500
    page: str | None = None
    hang: bool = False
    drop: bool = False
    skip: int = 0


@dataclass
class Account:
    """Keys of one user."""

    identity: dict[str, Any] = field(default_factory=dict)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_at: int = 0


class FakeHomeserver:
    """Holds everything in public attributes."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: list[Fault] = []
        self.logins = 0
        self.tokens: dict[str, tuple[str, str]] = {}
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        self.one_time: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        self.fallback: dict[tuple[str, str], dict[str, Any]] = {}
        self.fallback_unused: set[tuple[str, str]] = set()
        self.to_device: defaultdict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        self.events: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.sent: dict[tuple[str, str, str], str] = {}
        self.position = 0
        self.timeline_limit = 50
        self.login_answer: dict[str, Any] = {}
        self.handled: dict[str, int] = {}
        """How far each user's client has come, by its last sync."""
        self.given: list[tuple[str, str]] = []
        """Sender and taker of every encrypted to-device message."""
        self.room_version = "12"
        self.knows_state_after = True
        """Whether it tells the state after a timeline to who asks so (MSC4222)."""
        self._news = asyncio.Condition()

    # What tests do.

    def fail(self, pattern: str, times: int = 1, **how: Any) -> None:
        """Let the next `times` requests whose "METHOD path" matches go wrong."""
        self.faults.append(Fault(re.compile(pattern), times, **how))

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, f"{method} {path}")) for method, path, _ in self.requests)

    def log_in(self, user: str, device: str) -> str:
        """Give out a token, as provisioning would."""
        self.logins += 1
        token = f"token-{self.logins}-{user}-{device}"
        self.tokens[token] = (user, device)
        return token

    def room(self, creator: str, *members: str, encryption: Mapping[str, Any] | None = MEGOLM) -> str:
        """Make a room in which all of them are joined."""
        room_id = f"!room{len(self.events)}"
        self.add(room_id, creator, "m.room.create", {"room_version": self.room_version}, state_key="")
        for user in (creator, *members):
            self.membership(room_id, user, "join")
        self.add(room_id, creator, "m.room.power_levels", {"users": {}}, state_key="")
        if encryption is not None:
            self.add(room_id, creator, "m.room.encryption", dict(encryption), state_key="")
        return room_id

    def membership(self, room_id: str, user: str, membership: str, sender: str | None = None) -> None:
        """Let somebody be invited, come or go."""
        self.add(room_id, sender or user, "m.room.member", {"membership": membership}, state_key=user)

    def add(
        self,
        room_id: str,
        sender: str,
        kind: str,
        content: Mapping[str, Any],
        *,
        state_key: str | None = None,
    ) -> str:
        """Append an event to a room."""
        self.position += 1
        event = {
            "type": kind,
            "sender": sender,
            "content": dict(content),
            "event_id": f"$event{self.position}",
            "origin_server_ts": 4_000_000_000_000 + self.position,
        }
        if state_key is not None:
            event["state_key"] = state_key
        self.events[room_id].append(event | {"_at": self.position})
        self._wake()
        return event["event_id"]

    def send_to_device(self, user: str, device: str, sender: str, kind: str, content: Any) -> None:
        """Put a to-device event in somebody's inbox."""
        self.position += 1
        event = {"type": kind, "sender": sender, "content": content}
        self.to_device[user, device].append((self.position, event))
        self._wake()

    def touch(self, user: str) -> None:
        """Tell everybody that this user's devices have changed."""
        self.position += 1
        self.accounts[user].changed_at = self.position
        self._wake()

    async def until(self, question: Callable[[], Any]) -> None:
        """Wait until something is true of what it holds."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(question)

    async def caught_up(self, *users: str) -> None:
        """Wait until these users' clients have handled all there is."""
        upto = self.position
        await self.until(lambda: all(self.handled.get(user, 0) >= upto for user in users))

    def ciphertexts(self, room_id: str) -> list[dict[str, Any]]:
        """Contents of the encrypted events of a room."""
        return [event["content"] for event in self.events[room_id] if event["type"] == "m.room.encrypted"]

    def keys_given(self, giver: str) -> Counter[str]:
        """How many encrypted to-device messages each user has had from this one."""
        return Counter(taker for sender, taker in self.given if sender == giver)

    # What clients ask.

    def upload_keys(self, request: Request) -> Any:
        me, body = (request.user, request.device), request.body
        if "device_keys" in body:
            self.accounts[request.user].devices[request.device] = body["device_keys"]
            self.touch(request.user)
        self.one_time[me].update(body.get("one_time_keys", {}))
        if body.get("fallback_keys"):
            self.fallback[me] = body["fallback_keys"]
            self.fallback_unused.add(me)
        self._wake()
        return {"one_time_key_counts": {"signed_curve25519": len(self.one_time[me])}}

    def query_keys(self, request: Request) -> Any:
        answer: dict[str, Any] = {"device_keys": {}, "failures": {}}
        for user in request.body["device_keys"]:
            account = self.accounts[user]
            answer["device_keys"][user] = account.devices
            for name, key in account.identity.items():
                answer.setdefault(f"{name}s", {})[user] = key
        return answer

    def claim_keys(self, request: Request) -> Any:
        found: dict[str, Any] = {}
        for user, devices in request.body["one_time_keys"].items():
            for device in devices:
                keys = self.one_time[user, device]
                if keys:
                    name = next(iter(keys))
                    found.setdefault(user, {})[device] = {name: keys.pop(name)}
                elif (user, device) in self.fallback:
                    found.setdefault(user, {})[device] = self.fallback[user, device]
                    self.fallback_unused.discard((user, device))
        return {"one_time_keys": found, "failures": {}}

    def upload_identity(self, request: Request) -> Any:
        self.accounts[request.user].identity = request.body
        self.touch(request.user)
        return {}

    def upload_signatures(self, request: Request) -> Any:
        for user, devices in request.body.items():
            for device, keys in devices.items():
                stored = self.accounts[user].devices[device]
                stored["signatures"][user] |= keys["signatures"][user]
            self.touch(user)
        return {"failures": {}}

    def put_to_device(self, request: Request) -> Any:
        for user, devices in request.body["messages"].items():
            for device, content in devices.items():
                self.send_to_device(user, device, request.user, request.args[0], content)
                if request.args[0] == "m.room.encrypted":
                    self.given.append((request.user, user))
        return {}

    def put_event(self, request: Request) -> Any:
        room_id, kind, txn_id = request.args
        known = self.sent.get((request.user, request.device, txn_id))
        if known is None:
            known = self.add(room_id, request.user, kind, request.body)
            self.sent[request.user, request.device, txn_id] = known
        return {"event_id": known}

    def get_state(self, request: Request) -> Any:
        return [_clean(event) for event in self._state(request.args[0], self.position).values()]

    def joined_members(self, request: Request) -> Any:
        state = self._state(request.args[0], self.position)
        members = {key: event["content"] for (kind, key), event in state.items() if kind == "m.room.member"}
        return {"joined": {user: {} for user, content in members.items() if content["membership"] == "join"}}

    def messages(self, request: Request) -> Any:
        upto = int(request.query.get("from", f"s{self.position}")[1:])
        past = [event for event in self.events[request.args[0]] if event["_at"] <= upto]
        page = past[::-1][: int(request.query.get("limit", "10"))]
        answer: dict[str, Any] = {"chunk": [_clean(event) for event in page]}
        if len(page) < len(past):
            answer["end"] = f"s{page[-1]['_at'] - 1}"
        return answer

    def leave(self, request: Request) -> Any:
        self.membership(request.args[0], request.user, "leave")
        return {}

    def register(self, request: Request) -> Any:
        user = f"@{request.body['username']}:{SERVER_NAME}"
        if user in self.accounts:
            raise Refuse(400, "M_USER_IN_USE")
        self.accounts[user]
        return {"user_id": user}

    def login(self, request: Request) -> Any:
        user, device = request.body["identifier"]["user"], request.body["device_id"]
        token = self.log_in(user, device)
        return {"user_id": user, "device_id": device, "access_token": token, **self.login_answer}

    def whoami(self, request: Request) -> Any:
        return {"user_id": request.user, "device_id": request.device}

    async def sync(self, request: Request) -> Any:
        since = int(request.query["since"][1:]) if "since" in request.query else 0
        self.handled[request.user] = since
        self._wake()
        me = (request.user, request.device)
        self.to_device[me] = [waiting for waiting in self.to_device[me] if waiting[0] > since]
        if "since" in request.query and self.position <= since:
            try:
                async with asyncio.timeout(int(request.query.get("timeout", 0)) / 1000), self._news:
                    await self._news.wait_for(lambda: self.position > since)
            except TimeoutError:
                pass
        after = self.knows_state_after and request.query.get(USE_STATE_AFTER) == "true"
        return self.answer(me, since, first="since" not in request.query, after=after)

    def answer(self, me: tuple[str, str], since: int, *, first: bool, after: bool = False) -> Any:
        rooms: dict[str, Any] = {"join": {}, "invite": {}, "leave": {}}
        changed = {user for user, account in self.accounts.items() if account.changed_at > since}
        for room_id, events in self.events.items():
            now, before = (
                self._membership(room_id, me[0], self.position),
                self._membership(room_id, me[0], since),
            )
            news = [event for event in events if event["_at"] > since]
            if now == "join":
                start = 0 if before != "join" else since
                timeline = [event for event in events if event["_at"] > start]
                limited = len(timeline) > self.timeline_limit
                timeline = timeline[-self.timeline_limit :]
                if not timeline:
                    continue
                earlier = timeline[0]["_at"] - 1
                known = self._state(room_id, self.position if after else earlier)
                state = [event for event in known.values() if event["_at"] > start]
                rooms["join"][room_id] = {
                    STATE_AFTER if after else "state": {"events": [_clean(event) for event in state]},
                    "timeline": {
                        "events": [_clean(event) for event in timeline],
                        "limited": limited,
                        "prev_batch": f"s{earlier}",
                    },
                }
                changed |= {e["state_key"] for e in news if e.get("type") == "m.room.member"}
            elif now == "invite" and before != "invite":
                rooms["invite"][room_id] = {"invite_state": {"events": [_clean(event) for event in events]}}
            elif before in ("join", "invite") and now == "leave":
                rooms["leave"][room_id] = {
                    "state": {"events": []},
                    "timeline": {
                        "events": [_clean(event) for event in news],
                        "limited": False,
                        "prev_batch": "s0",
                    },
                }
        answer: dict[str, Any] = {
            "next_batch": f"s{self.position}",
            "rooms": rooms,
            "to_device": {"events": [event for _, event in self.to_device[me]]},
            "device_one_time_keys_count": {"signed_curve25519": len(self.one_time[me])},
            "device_unused_fallback_key_types": ["signed_curve25519"] * (me in self.fallback_unused),
        }
        if not first:
            answer["device_lists"] = {"changed": sorted(changed), "left": []}
        return answer

    def _state(self, room_id: str, upto: int) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (event["type"], event["state_key"]): event
            for event in self.events[room_id]
            if "state_key" in event and event["_at"] <= upto
        }

    def _membership(self, room_id: str, user: str, upto: int) -> str | None:
        event = self._state(room_id, upto).get(("m.room.member", user))
        return event["content"]["membership"] if event else None

    def _wake(self) -> None:
        async def notify() -> None:
            async with self._news:
                self._news.notify_all()

        task = asyncio.ensure_future(notify())
        task.add_done_callback(lambda _: None)

    # How it is reached.

    async def respond(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        raw = await request.read()
        body = json.loads(raw) if raw else None
        self.requests.append((request.method, path, body))
        for fault in self.faults:
            if fault.times and fault.pattern.search(f"{request.method} {path}"):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return await self._go_wrong(fault, request)
        try:
            return web.json_response(await self._route(request, path, body))
        except Refuse as refused:
            return web.json_response(refused.body, status=refused.status)

    async def _go_wrong(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault.hang:
            await asyncio.Event().wait()
        if fault.drop:
            assert request.transport is not None
            request.transport.close()
        if fault.page is not None:
            return web.Response(text=fault.page, status=fault.status, content_type="text/html")
        return web.json_response({"errcode": "M_UNKNOWN", "error": ""}, status=fault.status)

    async def _route(self, request: web.Request, path: str, body: Any) -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        for method, pattern, handler in self._routes():
            match = re.fullmatch("/_matrix/client/v3" + pattern, path)
            if match and method == request.method:
                user, device = self.tokens.get(token, ("", ""))
                if "user_id" in request.query:
                    user = request.query["user_id"]  # an application service acts as its account
                if not user and pattern not in ("/register", "/login"):
                    raise Refuse(401, "M_UNKNOWN_TOKEN")
                args = tuple(unquote(part) for part in match.groups())
                answer = handler(Request(user, device, args, request.query, body))
                return await answer if asyncio.iscoroutine(answer) else answer
        raise Refuse(404, "M_UNRECOGNIZED")

    def _routes(self) -> list[tuple[str, str, Handler]]:
        part = "([^/]+)"
        return [
            ("POST", "/keys/upload", self.upload_keys),
            ("POST", "/keys/query", self.query_keys),
            ("POST", "/keys/claim", self.claim_keys),
            ("POST", "/keys/device_signing/upload", self.upload_identity),
            ("POST", "/keys/signatures/upload", self.upload_signatures),
            ("PUT", f"/sendToDevice/{part}/{part}", self.put_to_device),
            ("PUT", f"/rooms/{part}/send/{part}/{part}", self.put_event),
            ("GET", f"/rooms/{part}/state", self.get_state),
            ("GET", f"/rooms/{part}/joined_members", self.joined_members),
            ("GET", f"/rooms/{part}/messages", self.messages),
            ("POST", f"/rooms/{part}/leave", self.leave),
            ("POST", "/register", self.register),
            ("POST", "/login", self.login),
            ("GET", "/account/whoami", self.whoami),
            ("GET", "/sync", self.sync),
        ]


def _clean(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in event.items() if name != "_at"}


@asynccontextmanager
async def fake_homeserver() -> AsyncIterator[FakeHomeserver]:
    """Run one on a free loopback port."""
    fake = FakeHomeserver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.respond)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
