"""One SQLite file per bot: everything it has to remember, in transactions.

Synchronous on purpose. Statements are few and batched, and a ratchet that is saved before its message is sent
must not be overtaken by another task. What each table holds is read and written by the module named beside
it.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bots.client.errors import StoreInUse

SCHEMA_VERSION = 3
SCHEMA = """
-- client: who we are, where the sync stands; olm: our account
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
-- olm: one-to-one sessions, by the other device's curve25519 key
CREATE TABLE olm_session (
    session_id TEXT PRIMARY KEY, curve25519 TEXT NOT NULL, pickle TEXT NOT NULL,
    created_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL);
CREATE INDEX olm_session_curve25519 ON olm_session (curve25519, received_ms);
-- wrapping: under what the room keys are stored
CREATE TABLE wrapping (wrapping_id INTEGER PRIMARY KEY, secret TEXT NOT NULL, made_ms INTEGER NOT NULL);
-- megolm: room keys others gave us, which message was read at which index; forgetting: the keys that are over
CREATE TABLE room_key (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, sender TEXT NOT NULL, curve25519 TEXT NOT NULL,
    ed25519 TEXT NOT NULL, first_index INTEGER NOT NULL, pickle BLOB NOT NULL,
    wrapping_id INTEGER NOT NULL DEFAULT 0, idle INTEGER NOT NULL DEFAULT 0,
    turned INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room_id, session_id)) WITHOUT ROWID;
CREATE TABLE spent_key (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, PRIMARY KEY (room_id, session_id)) WITHOUT ROWID;
CREATE TABLE room_key_index (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, message_index INTEGER NOT NULL, event_id TEXT NOT NULL,
    read_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room_id, session_id, message_index)) WITHOUT ROWID;
-- megolm: our own key of each room, and the devices that have it
CREATE TABLE own_key (
    room_id TEXT PRIMARY KEY, pickle BLOB NOT NULL, created_ms INTEGER NOT NULL, messages INTEGER NOT NULL,
    wrapping_id INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE own_key_device (
    room_id TEXT NOT NULL, user_id TEXT NOT NULL, device_id TEXT NOT NULL, curve25519 TEXT NOT NULL,
    PRIMARY KEY (room_id, user_id, device_id)) WITHOUT ROWID;
-- rooms
CREATE TABLE room (
    room_id TEXT PRIMARY KEY, membership TEXT NOT NULL, state TEXT NOT NULL, last_event TEXT) WITHOUT ROWID;
CREATE TABLE member (
    room_id TEXT NOT NULL, user_id TEXT NOT NULL, membership TEXT NOT NULL,
    PRIMARY KEY (room_id, user_id)) WITHOUT ROWID;
-- devices: people we share an encrypted room with, the identity we first saw, their devices
CREATE TABLE person (
    user_id TEXT PRIMARY KEY, master_key TEXT, pinned_key TEXT, pinned_ms INTEGER, outdated INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE device (
    user_id TEXT NOT NULL, device_id TEXT NOT NULL, ed25519 TEXT NOT NULL, curve25519 TEXT NOT NULL,
    owner_signed INTEGER NOT NULL, PRIMARY KEY (user_id, device_id)) WITHOUT ROWID;
-- inbox: messages whose key may still come
CREATE TABLE unread (
    event_id TEXT PRIMARY KEY, room_id TEXT NOT NULL, session_id TEXT NOT NULL, event TEXT NOT NULL,
    since_ms INTEGER NOT NULL) WITHOUT ROWID;
"""
UPGRADES = {
    1: "ALTER TABLE room_key_index ADD COLUMN read_ms INTEGER NOT NULL DEFAULT 0;",
    2: """
CREATE TABLE wrapping (wrapping_id INTEGER PRIMARY KEY, secret TEXT NOT NULL, made_ms INTEGER NOT NULL);
INSERT INTO wrapping VALUES (0, '', 0);
ALTER TABLE room_key ADD COLUMN wrapping_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room_key ADD COLUMN idle INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room_key ADD COLUMN turned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE own_key ADD COLUMN wrapping_id INTEGER NOT NULL DEFAULT 0;
CREATE TABLE spent_key (
    room_id TEXT NOT NULL, session_id TEXT NOT NULL, PRIMARY KEY (room_id, session_id)) WITHOUT ROWID;
""",
}
"""By the version they lead away from."""
ON_DISK, NOT_YET_ON_DISK = "PRAGMA synchronous=FULL;", "PRAGMA synchronous=NORMAL;"
USED_KEYS = """
SELECT session_id FROM spent_key WHERE room_id = ?1
UNION SELECT session_id FROM room_key WHERE room_id = ?1 AND turned
UNION SELECT session_id FROM room_key_index WHERE room_id = ?1
"""
"""What opened something in a room."""
OF_A_ROOM = (
    "room_key",
    "room_key_index",
    "spent_key",
    "own_key",
    "own_key_device",
    "room",
    "member",
    "unread",
)


class Store:
    """The open file. Only one process may have it: two would use one ratchet twice."""

    def __init__(self, path: Path) -> None:
        """Open or create the file with mode 0600. Raises StoreInUse."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StoreInUse from None
        path.touch(0o600)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._depth = 0
        self._db.executescript(f"PRAGMA journal_mode=WAL; {NOT_YET_ON_DISK} PRAGMA secure_delete=ON;")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        steps = [UPGRADES[each] for each in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
        if steps:
            script = " ".join(steps)
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        self.fold()  # a process that was killed has left its journal

    def fold(self) -> None:
        """Fold the journal into the file and empty it, so that deleted keys do not live on in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file, leaving no journal behind."""
        self.fold()
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """All or nothing. Nested ones belong to the outermost. Never `await` inside: others would join in.

        A `durable` one, and with it all before it, outlives a power cut: for what must not be taken back once
        the homeserver has heard of it. The others only outlive the process.
        """
        if self._depth:
            yield
            return
        if durable:
            self._db.execute(ON_DISK)
        self._db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth = 0
            if durable:
                self._db.execute(NOT_YET_ON_DISK)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query."""
        row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        return row

    def run(self, sql: str, *values: Any) -> None:
        """One writing statement."""
        self._db.execute(sql, values)

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """One writing statement for each row."""
        with self.transaction():
            self._db.executemany(sql, rows)

    def meta(self, name: str) -> str | None:
        """One of the single facts: `account`, `sync_token`, `user_id`, ..."""
        row = self.row("SELECT value FROM meta WHERE name = ?", name)
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a single fact."""
        self.run("REPLACE INTO meta (name, value) VALUES (?, ?)", name, value)

    def forget_room(self, room_id: str) -> None:
        """Erase everything about a room: keys, members, messages.

        That a key was used stays, but not where: the server says whether we are out, and could have us read
        everything anew.
        """
        with self.transaction():
            sql = f"INSERT OR IGNORE INTO spent_key SELECT '', session_id FROM ({USED_KEYS})"  # noqa: S608
            self.run(sql, room_id)
            for table in OF_A_ROOM:
                self.run(f"DELETE FROM {table} WHERE room_id = ?", room_id)  # noqa: S608  our own table names
