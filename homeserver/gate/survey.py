"""What the homeserver is, read by SQL inside it: the audit cannot ask for a hundred rooms one by one.

Reads tables that Synapse has had for years and writes none. Everything is read in one transaction on a thread
of the database; a mark is read before the state it stands for, so that what changes meanwhile is read again.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from synapse.module_api import ModuleApi

from homeserver.gate.running import running_services, running_settings

JSON = dict[str, Any]

_ROOMS: Final = """
SELECT r.room_id, COALESCE(e.sender, r.creator), r.room_version, r.is_public, e.event_id IS NOT NULL,
    (SELECT MAX(d.stream_id) FROM current_state_delta_stream d WHERE d.room_id = r.room_id)
FROM rooms r
LEFT JOIN current_state_events c ON c.room_id = r.room_id AND c.type = 'm.room.create' AND c.state_key = ''
LEFT JOIN events e ON e.event_id = c.event_id
"""
_MEMBERS: Final = """
SELECT room_id, state_key, membership FROM current_state_events
WHERE type = 'm.room.member' AND membership IN ('join', 'invite', 'knock', 'ban')
"""
_ASKED_IN: Final = """
SELECT room_id, user_id, membership FROM local_current_membership WHERE membership IN ('invite', 'knock')
"""
"""Also into rooms of other servers, whose state is not here."""
_STATE: Final = """
SELECT c.room_id, c.event_id, c.type, c.state_key, j.json,
    EXISTS (SELECT 1 FROM redactions x WHERE x.redacts = c.event_id)
FROM current_state_events c JOIN event_json j ON j.event_id = c.event_id
WHERE c.type <> 'm.room.member'
"""
_ACCOUNTS: Final = """
SELECT u.name, u.admin, u.locked, u.suspended, u.shadow_banned, u.deactivated, u.appservice_id,
    p.displayname, p.avatar_url
FROM users u LEFT JOIN profiles p ON p.full_user_id = u.name
"""
_DEVICES: Final = """
SELECT d.user_id, d.device_id, d.display_name, k.key_json
FROM devices d LEFT JOIN e2e_device_keys_json k ON k.user_id = d.user_id AND k.device_id = d.device_id
WHERE d.hidden IS NULL OR d.hidden = ?
"""
_IDENTITIES: Final = """
SELECT user_id, keytype, keydata FROM e2e_cross_signing_keys
WHERE keytype IN ('master', 'self_signing') ORDER BY stream_id
"""
_SIGNATURES: Final = """
SELECT user_id, key_id, target_device_id, signature FROM e2e_cross_signing_signatures
WHERE user_id = target_user_id
"""
_TOKENS: Final = "SELECT token, uses_allowed, pending + completed, expiry_time FROM registration_tokens"
_PUSHERS: Final = "SELECT user_name, data FROM pushers"
_PUPPETS: Final = "SELECT COUNT(*) FROM access_tokens WHERE puppets_user_id IS NOT NULL"

_AT_ONCE: Final = 100
"""Rooms in one query: SQLite takes 999 values at most."""


class Survey:
    """Answers what is there. Names of people and devices pass through it, so nothing here logs."""

    def __init__(self, api: ModuleApi) -> None:
        self._api = api
        self._settings = running_settings(api)

    async def everything(self, marks: Mapping[str, int]) -> JSON:
        """Return all of it; the state of rooms whose mark is the given one is null."""
        seen, redacted = await self._api.run_db_interaction("banyan_survey", _everything, marks)
        await self._as_redacted(redacted)
        return {**seen, "settings": self._settings, "services": running_services(self._api)}

    async def room(self, room_id: str) -> JSON:
        """Return one room, or none, in the same form."""
        rooms, redacted = await self._api.run_db_interaction("banyan_survey_room", _room, room_id)
        await self._as_redacted(redacted)
        return {"rooms": rooms}

    async def _as_redacted(self, redacted: Mapping[str, JSON]) -> None:
        """Replace contents by what clients are shown: the table keeps what was taken away for a while."""
        if redacted:
            # the store knows which redactions count; there is no such call for modules
            events = await self._api._store.get_events(list(redacted))  # noqa: SLF001
            for event_id, entry in redacted.items():
                entry["content"] = dict(events[event_id].content) if event_id in events else {}


def _everything(txn: Any, marks: Mapping[str, int]) -> tuple[JSON, dict[str, JSON]]:
    rooms = _rooms(txn, _ROOMS, ())
    _fill_members(txn, rooms, "", ())
    changed = [room_id for room_id, room in rooms.items() if marks.get(room_id) != room["mark"]]
    redacted = _fill_state(txn, rooms, changed)
    txn.execute(_PUPPETS)
    ((puppets,),) = txn.fetchall()
    seen = {
        "rooms": list(rooms.values()),
        "accounts": _accounts(txn),
        "tokens": _tokens(txn),
        "pushers": _pushers(txn),
        "puppet_tokens": puppets,
    }
    return seen, redacted


def _room(txn: Any, room_id: str) -> tuple[list[JSON], dict[str, JSON]]:
    rooms = _rooms(txn, f"{_ROOMS} WHERE r.room_id = ?", (room_id,))
    _fill_members(txn, rooms, " AND room_id = ?", (room_id,))
    return list(rooms.values()), _fill_state(txn, rooms, list(rooms))


def _rooms(txn: Any, query: str, values: tuple[str, ...]) -> dict[str, JSON]:
    txn.execute(query, values)
    return {
        room_id: {
            "room_id": room_id,
            "creator": creator or "",
            "version": version or "",
            "listed": bool(listed),
            "here": bool(here),
            "mark": mark or 0,
            "members": {},
            "state": None,
        }
        for room_id, creator, version, listed, here, mark in txn.fetchall()
    }


def _fill_members(txn: Any, rooms: dict[str, JSON], one: str, values: tuple[str, ...]) -> None:
    """Put in who is there; drop rooms that this server has left and nobody is asked into."""
    for query in (_MEMBERS, _ASKED_IN):
        txn.execute(query + one, values)
        for room_id, user_id, membership in txn.fetchall():
            if room_id in rooms:
                rooms[room_id]["members"].setdefault(user_id, membership)
    for room_id in [room_id for room_id, room in rooms.items() if not (room.pop("here") or room["members"])]:
        del rooms[room_id]


def _fill_state(txn: Any, rooms: Mapping[str, JSON], changed: list[str]) -> dict[str, JSON]:
    """Put in the state of these rooms; return what of it is redacted, by event id."""
    redacted: dict[str, JSON] = {}
    for room_id in changed:
        rooms[room_id]["state"] = []
    for start in range(0, len(changed), _AT_ONCE):
        some = changed[start : start + _AT_ONCE]
        txn.execute(f"{_STATE} AND c.room_id IN ({', '.join('?' * len(some))})", some)
        for room_id, event_id, kind, state_key, text, is_redacted in txn.fetchall():
            entry = {"type": kind, "state_key": state_key, "content": json.loads(text).get("content", {})}
            rooms[room_id]["state"].append(entry)
            if is_redacted:
                redacted[event_id] = entry
    return redacted


def _accounts(txn: Any) -> list[JSON]:
    txn.execute(_ACCOUNTS)
    accounts = {
        user_id: {
            "user_id": user_id,
            "admin": bool(admin),
            # whose messages the server refuses, or takes and throws away, is as good as locked
            "locked": bool(locked or suspended or unheard),
            "deactivated": bool(deactivated),
            "service": service,
            "display_name": name or "",
            "has_picture": bool(picture),
            "devices": [],
            "identity": {},
            "signatures": [],
        }
        for user_id, admin, locked, suspended, unheard, deactivated, service, name, picture in txn.fetchall()
    }
    # Keys stay the text that they are: to parse 3,500 people's would hold Synapse's only thread
    for user_id, device_id, name, keys in _of(accounts, txn, _DEVICES, (False,)):
        accounts[user_id]["devices"].append({"device_id": device_id, "name": name or "", "keys": keys})
    for user_id, usage, keys in _of(accounts, txn, _IDENTITIES):
        accounts[user_id]["identity"][usage] = keys
    for user_id, key_id, device_id, signature in _of(accounts, txn, _SIGNATURES):
        accounts[user_id]["signatures"].append([key_id, device_id, signature])
    return list(accounts.values())


def _of(accounts: Mapping[str, JSON], txn: Any, query: str, values: tuple[Any, ...] = ()) -> Iterable[Any]:
    txn.execute(query, values)
    return (row for row in txn.fetchall() if row[0] in accounts)


def _tokens(txn: Any) -> list[JSON]:
    txn.execute(_TOKENS)
    return [
        {
            "digest": hashlib.sha256(token.encode()).hexdigest(),
            "uses_allowed": allowed,
            "uses": uses,
            "expires_ms": expires,
        }
        for token, allowed, uses, expires in txn.fetchall()
    ]


def _pushers(txn: Any) -> list[JSON]:
    txn.execute(_PUSHERS)
    found = []
    for user_id, text in txn.fetchall():
        data = defaultdict(str, json.loads(text or "null") or {})
        host = urlsplit(str(data["url"])).hostname or ""
        found.append({"user_id": user_id, "host": host, "ids_only": data["format"] == "event_id_only"})
    return found
