"""The databases of a home, written past Synapse and past us: as somebody with the machine in hands could."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

FEDERATION = "m.federate"


class Inside:
    """Synapse's database and ours, of a network that runs."""

    def __init__(self, home: Path) -> None:
        self._synapse = home / "synapse" / "homeserver.db"
        self._banyan = home / "banyan.db"

    def synapse(self, query: str, *values: Any) -> list[Any]:
        """Run one statement in Synapse's database."""
        return self._run(self._synapse, query, values)

    def banyan(self, query: str, *values: Any) -> list[Any]:
        """Run one statement in ours."""
        return self._run(self._banyan, query, values)

    def room(self, key: str) -> str:
        """Id of a declared room."""
        return self.banyan("SELECT room_id FROM rooms WHERE key = ?", key)[0][0]

    def content(self, room_id: str, kind: str, key: str = "") -> dict[str, Any]:
        """Content of a state event."""
        query = "SELECT json FROM event_json JOIN current_state_events USING (event_id) WHERE"
        rows = self.synapse(
            f"{query} current_state_events.room_id = ? AND type = ? AND state_key = ?", room_id, kind, key
        )
        return json.loads(rows[0][0])["content"] if rows else {}

    def state(self, room_id: str, kind: str, content: dict[str, Any], key: str = "") -> None:
        """Make that the content of a state event, of one that is there or of a new one."""
        found = self.synapse(
            "SELECT event_id FROM current_state_events WHERE room_id = ? AND type = ? AND state_key = ?",
            *(room_id, kind, key),
        )
        text = json.dumps({"type": kind, "state_key": key, "content": content, "room_id": room_id})
        if found:
            self.synapse("UPDATE event_json SET json = ? WHERE event_id = ?", text, found[0][0])
            return
        event_id = f"${uuid4().hex}"
        self.synapse("INSERT INTO event_json VALUES (?, ?, '{}', ?, 4)", event_id, room_id, text)
        self.synapse(
            "INSERT INTO current_state_events VALUES (?, ?, ?, ?, NULL, NULL)", event_id, room_id, kind, key
        )

    def changed(self, room_id: str, kind: str, **parts: Any) -> None:
        """Change parts of the content of a state event."""
        self.state(room_id, kind, self.content(room_id, kind) | parts)

    def member(self, room_id: str, user_id: str, how: str = "join") -> None:
        """Have somebody be in a room."""
        self.gone(room_id, user_id)
        self.synapse(
            "INSERT INTO current_state_events VALUES (?, ?, 'm.room.member', ?, ?, NULL)",
            *(f"${uuid4().hex}", room_id, user_id, how),
        )

    def gone(self, room_id: str, user_id: str) -> None:
        """Have somebody not be in a room."""
        self.synapse(
            "DELETE FROM current_state_events WHERE room_id = ? AND type = 'm.room.member' AND state_key = ?",
            *(room_id, user_id),
        )

    def made(self, maker: str, members: dict[str, str]) -> str:
        """A closed, encrypted room that somebody made."""
        room_id = f"!{uuid4().hex}"
        self.synapse("INSERT INTO rooms VALUES (?, 0, ?, '12', 1)", room_id, maker)
        self.state(room_id, "m.room.create", {"room_version": "12", FEDERATION: False})
        self.state(room_id, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
        self.state(room_id, "m.room.history_visibility", {"history_visibility": "joined"})
        self.state(room_id, "m.room.guest_access", {"guest_access": "forbidden"})
        self.state(room_id, "m.room.join_rules", {"join_rule": "invite"})
        for user_id, how in members.items():
            self.member(room_id, user_id, how)
        return room_id

    def account(self, user_id: str) -> None:
        """An account that nobody invited."""
        self.synapse("INSERT INTO users (name, creation_ts) VALUES (?, 0)", user_id)

    def device(self, user_id: str, device_id: str, name: str = "") -> None:
        """A device that encrypts and that nobody has signed."""
        self.synapse("INSERT INTO devices VALUES (?, ?, ?, NULL, NULL, NULL, 0)", user_id, device_id, name)
        self.synapse(
            "INSERT INTO e2e_device_keys_json (user_id, device_id, ts_added_ms, key_json)"
            " VALUES (?, ?, 0, '{}')",
            *(user_id, device_id),
        )

    def identity(self, user_id: str, keys: dict[str, Any]) -> None:
        """Another identity: `keys` as they are uploaded."""
        latest = self.synapse("SELECT MAX(stream_id) FROM e2e_cross_signing_keys")[0][0]
        for number, name in enumerate(("master", "self_signing"), latest + 1):
            self.synapse(
                "INSERT INTO e2e_cross_signing_keys (user_id, keytype, keydata, stream_id)"
                " VALUES (?, ?, ?, ?)",
                *(user_id, name, json.dumps(keys[f"{name}_key"]), number),
            )

    def asked(self, alert_id: str, localpart: str) -> None:
        """A roll call that is long over, and that one member did not answer."""
        self.banyan(
            "INSERT INTO alerts VALUES (?1, '', ?1, ?1, ?2, ?2, 'actual', '[]', 'raid', 'severe', 'avoid',"
            " '{}', '', 'queued', ?2)",
            *(alert_id, "2020-01-01 00:00:00.000000"),
        )
        self.banyan(
            "INSERT INTO checkins (alert_id, member_id) SELECT ?, id FROM members WHERE localpart = ?",
            *(alert_id, localpart),
        )

    def token(self, name: str, uses: int | None, expires_ms: int | None) -> None:
        """A registration token."""
        self.synapse("INSERT INTO registration_tokens VALUES (?, ?, 0, 0, ?)", name, uses, expires_ms)

    def pusher(self, user_id: str, url: str, **data: Any) -> None:
        """Where a phone's notifications go."""
        number = self.synapse("SELECT COALESCE(MAX(id), 0) + 1 FROM pushers")[0][0]
        self.synapse(
            "INSERT INTO pushers (id, user_name, profile_tag, kind, app_id, app_display_name,"
            " device_display_name, pushkey, ts, data) VALUES (?, ?, '', 'http', 'a', 'b', 'c', ?, 0, ?)",
            *(number, user_id, uuid4().hex, json.dumps(data | {"url": url})),
        )

    def _run(self, file: Path, query: str, values: tuple[Any, ...]) -> list[Any]:
        with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
            return connection.execute(query, values).fetchall()
