"""People, their keys and their memberships written straight into a stopped Synapse's SQLite file.

To join thousands of people by requests takes an hour; what is measured here only reads.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import vodozemac
from synapse.api.room_versions import RoomVersions
from synapse.crypto.event_signing import compute_event_reference_hash
from synapse.events import make_event_from_dict
from unpaddedbase64 import encode_base64

from bots.client.canonical import canonical_json, public_key, sign
from bots.client.signing import Seeds

Row = dict[str, Any]


def crowd_in(file: Path, server_name: str, rooms: Sequence[str], people: int, each_in: int) -> None:
    """Put `people` members with a signed device each into `each_in` of the rooms."""
    with closing(sqlite3.connect(file)) as database, database:
        database.row_factory = sqlite3.Row
        numbers = _stream(database)
        first = {room_id: _first_join(database, room_id) for room_id in rooms}
        for person in range(people):
            localpart = f"crowd-{person}"
            _account(database, localpart, f"@{localpart}:{server_name}", next(numbers))
            for step in range(each_in):
                room_id = rooms[(person * each_in + step) % len(rooms)]
                _join(database, first[room_id], f"@{localpart}:{server_name}", localpart, next(numbers))
        _nothing_is_new(database, next(numbers))


def _stream(database: sqlite3.Connection) -> Iterator[int]:
    (last,) = database.execute("SELECT MAX(stream_ordering) FROM events").fetchone()
    return count(last + 1)


def _first_join(database: sqlite3.Connection, room_id: str) -> tuple[Row, Row]:
    query = "SELECT * FROM events WHERE room_id = ? AND type = 'm.room.member' ORDER BY depth LIMIT 1"
    event = dict(database.execute(query, (room_id,)).fetchone())
    query = "SELECT * FROM event_json WHERE event_id = ?"
    return event, dict(database.execute(query, (event["event_id"],)).fetchone())


def _join(database: sqlite3.Connection, like: tuple[Row, Row], user_id: str, name: str, stream: int) -> None:
    event, text = like
    content = {"displayname": name, "membership": "join"}
    whole = json.loads(text["json"]) | {"sender": user_id, "state_key": user_id, "content": content}
    made = make_event_from_dict(whole, RoomVersions.V12)
    event_id = "$" + encode_base64(compute_event_reference_hash(made)[1], urlsafe=True)
    who = {"event_id": event_id, "sender": user_id, "state_key": user_id}
    _insert(database, "events", event | who | {"stream_ordering": stream})
    _insert(database, "event_json", text | {"event_id": event_id, "json": json.dumps(whole)})
    state = {key: event[key] for key in ("room_id", "type")} | {"event_id": event_id, "state_key": user_id}
    now = {"membership": "join", "event_stream_ordering": stream}
    _insert(database, "current_state_events", state | now)
    _insert(database, "current_state_delta_stream", state | {"stream_id": stream, "instance_name": "master"})


def _account(database: sqlite3.Connection, localpart: str, user_id: str, stream: int) -> None:
    _insert(database, "users", {"name": user_id, "creation_ts": 0, "approved": True})
    _insert(database, "profiles", {"user_id": localpart, "full_user_id": user_id, "displayname": localpart})
    device_id, seeds = "DEVICE", Seeds.new()
    owner = {"user_id": user_id, "device_id": device_id}
    _insert(database, "devices", owner | {"hidden": False})
    keys = _device_keys(user_id, device_id)
    _insert(database, "e2e_device_keys_json", owner | {"ts_added_ms": 0, "key_json": json.dumps(keys)})
    published = seeds.public_keys(user_id)
    for place, usage in enumerate(("master", "self_signing")):
        row = {"user_id": user_id, "keytype": usage, "stream_id": stream * 2 + place}
        _insert(database, "e2e_cross_signing_keys", row | {"keydata": json.dumps(published[f"{usage}_key"])})
    _insert(
        database,
        "e2e_cross_signing_signatures",
        {
            "user_id": user_id,
            "key_id": f"ed25519:{public_key(seeds.self_signing)}",
            "target_user_id": user_id,
            "target_device_id": device_id,
            "signature": sign(seeds.self_signing, keys),
        },
    )


def _device_keys(user_id: str, device_id: str) -> Row:
    account = vodozemac.Account()
    keys = {
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {
            f"curve25519:{device_id}": account.curve25519_key.to_base64(),
            f"ed25519:{device_id}": account.ed25519_key.to_base64(),
        },
    }
    signature = account.sign(canonical_json(keys)).to_base64()
    return keys | {"signatures": {user_id: {f"ed25519:{device_id}": signature}}}


def _nothing_is_new(database: sqlite3.Connection, stream: int) -> None:
    """Synapse would spend minutes on telling others and on its statistics, while both sides are measured."""
    for name, column in (
        ("appservice_stream_position", "stream_ordering"),
        ("stats_incremental_position", "stream_id"),
        ("user_directory_stream_pos", "stream_id"),
        ("room_forgetter_stream_pos", "stream_id"),
        ("delayed_events_stream_pos", "stream_id"),
    ):
        database.execute(f"UPDATE {name} SET {column} = ?", (stream,))
    database.execute("UPDATE federation_stream_position SET stream_id = ? WHERE type = 'events'", (stream,))


def _insert(database: sqlite3.Connection, table: str, row: Row) -> None:
    columns, values = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", tuple(row.values()))
