"""Writing the small database that the gate reads inside Synapse (`homeserver/gate/table.py`)."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from homeserver import names

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS allow (
    user_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    PRIMARY KEY (user_id, room_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS allow_by_room ON allow (room_id, user_id);
CREATE TABLE IF NOT EXISTS token (
    hash TEXT PRIMARY KEY,
    localpart TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS frozen (
    user_id TEXT PRIMARY KEY
) WITHOUT ROWID;
"""

THAW_NOBODY: Final = """
DELETE FROM allow WHERE user_id IN (SELECT user_id FROM frozen);
DELETE FROM token WHERE localpart IN (SELECT substr(user_id, 2, instr(user_id, ':') - 2) FROM frozen)
"""
"""The end of every transaction."""

WHOLE: Final = 1
"""SQLite's `user_version` of a file that `replace` has written: a new one starts at 0."""


class Token(NamedTuple):
    """What one registration token stands for."""

    localpart: str
    expires: datetime
    """With a time zone."""


def token_hash(token: str) -> str:
    """Return how a registration token is named in the file: hex SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


class GateFile:
    """The projection of who may be where. Every method is one transaction: all of it or nothing.

    The database of Banyan is the truth: this file can be deleted and written again with `replace`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with self._transaction():
                pass
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.discard()  # not a database any more

    def sound(self) -> bool:
        """Whether the file is there, can be read and has said everything once."""
        try:
            with closing(sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                return bool(connection.execute("PRAGMA user_version").fetchone() == (WHOLE,))
        except sqlite3.Error:
            return False

    def discard(self) -> None:
        """Remove what cannot be read. Until `replace` has written it again, the gate lets nobody new in."""
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def allow(self, user_id: str, room_ids: Iterable[str]) -> int:
        """Let the user into these rooms, unless they are frozen. Returns how many rows are new."""
        with self._transaction() as connection:
            rows = [(user_id, room_id) for room_id in room_ids]
            return connection.executemany("INSERT OR IGNORE INTO allow VALUES (?, ?)", rows).rowcount

    def freeze(self, user_id: str) -> None:
        """Let the user into no room any more, and let no token stand for them, whatever is asked for later.

        Nothing here takes that back: what was decided before and is carried out after lets nobody in again.
        """
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO frozen VALUES (?)", (user_id,))

    def withdraw(self, user_id: str, room_ids: Iterable[str] | None = None) -> int:
        """Let the user into these rooms no longer (None: into no room). Returns how many rows went.

        Nobody is removed from a room by this: that is a separate act of the warden.
        """
        with self._transaction() as connection:
            if room_ids is None:
                return connection.execute("DELETE FROM allow WHERE user_id = ?", (user_id,)).rowcount
            rows = [(user_id, room_id) for room_id in room_ids]
            return connection.executemany(
                "DELETE FROM allow WHERE user_id = ? AND room_id = ?", rows
            ).rowcount

    def close(self, room_id: str) -> int:
        """Let nobody into a room any more: there is none. Returns how many rows went."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM allow WHERE room_id = ?", (room_id,)).rowcount

    def token(self, digest: str, localpart: str, expires: datetime) -> None:
        """Let a registration token (its `token_hash`) stand for a name until it expires.

        Raises ValueError for a name of our own accounts and for a time without a zone.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO token VALUES (?, ?, ?)", _row(digest, localpart, expires)
            )

    def forget_token(self, digest: str) -> bool:
        """End a token that was used or withdrawn. False when there was none."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM token WHERE hash = ?", (digest,)).rowcount > 0

    def rooms_of(self, user_id: str) -> set[str]:
        """Every room the user may be in."""
        with closing(self._connect()) as connection:
            rows = connection.execute("SELECT room_id FROM allow WHERE user_id = ?", (user_id,))
            return {room_id for (room_id,) in rows}

    def replace(
        self, allow: Iterable[tuple[str, str]], tokens: Mapping[str, Token], frozen: Iterable[str] = ()
    ) -> int:
        """Make the file say exactly this: pairs of user and room, tokens by their hash, and who is frozen.

        Whom it knows as frozen it keeps frozen. Returns how many rows were added, changed or removed: 0 when
        it said so already, and then nothing is written.
        """
        rows = {_row(digest, token.localpart, token.expires) for digest, token in tokens.items()}
        with self._transaction() as connection:
            old = {user_id for (user_id,) in connection.execute("SELECT user_id FROM frozen")}
            new = set(frozen) - old
            connection.executemany("INSERT INTO frozen VALUES (?)", [(user_id,) for user_id in new])
            out = old | new
            wanted_pairs = {(user_id, room_id) for user_id, room_id in allow if user_id not in out}
            shut = {user_id[1:].partition(":")[0] for user_id in out}
            wanted_tokens = {row for row in rows if row[1] not in shut}
            pairs = set(connection.execute("SELECT user_id, room_id FROM allow"))
            known = set(connection.execute("SELECT hash, localpart, expires_ms FROM token"))
            connection.executemany(
                "DELETE FROM allow WHERE user_id = ? AND room_id = ?", pairs - wanted_pairs
            )
            connection.executemany("INSERT INTO allow VALUES (?, ?)", wanted_pairs - pairs)
            gone = {digest for digest, *_ in known} - {digest for digest, *_ in wanted_tokens}
            connection.executemany("DELETE FROM token WHERE hash = ?", [(digest,) for digest in gone])
            connection.executemany("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", wanted_tokens - known)
            if connection.execute("PRAGMA user_version").fetchone() != (WHOLE,):
                connection.execute(f"PRAGMA user_version = {WHOLE}")
            return len(new) + len(pairs ^ wanted_pairs) + len(gone) + len(wanted_tokens - known)

    def _connect(self) -> sqlite3.Connection:
        # isolation_level None: BEGIN and COMMIT are ours to say
        return sqlite3.connect(self._path, timeout=10, isolation_level=None)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; the file is made when it is missing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as connection:
            self._path.chmod(0o600)
            # readers inside Synapse go on while we write
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
                yield connection
                for statement in THAW_NOBODY.split(";"):
                    connection.execute(statement)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _row(digest: str, localpart: str, expires: datetime) -> tuple[str, str, int]:
    if localpart in names.OWN:
        raise ValueError("a token cannot stand for one of our own accounts")
    if expires.tzinfo is None:
        raise ValueError("a token's expiry needs a time zone")
    return digest, localpart, int(expires.timestamp() * 1000)
