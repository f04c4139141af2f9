"""Reading the allow table that Banyan writes (see `homeserver/gatefile.py`)."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from prometheus_client import Gauge

_READABLE: Final = Gauge(
    "banyan_gate_table_readable", "Whether the gate can look up who may be where: 1 or 0"
)

BUSY_SECONDS: Final = 0.1
"""How long a look-up may wait for a writer. It blocks Synapse's only thread."""


class TableUnavailableError(Exception):
    """The table cannot be read: nobody new gets in."""


class Table:
    """Who may be in which room, and which registration token stands for which name.

    The file is opened for every look-up (about 0.1 ms): a connection kept open would go on answering from a
    file that was deleted or replaced.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._now = now

    def watch(self) -> None:
        """Have Synapse's metrics say whether the table can be read, asked anew at each scrape."""
        _READABLE.set_function(self._readable)

    def allows(self, user_id: str, room_id: str) -> bool:
        """Whether the user may be in the room."""
        return self._any("SELECT 1 FROM allow WHERE user_id = ? AND room_id = ?", user_id, room_id)

    def knows(self, user_id: str) -> bool:
        """Whether the user may be in any room at all."""
        return self._any("SELECT 1 FROM allow WHERE user_id = ?", user_id)

    def share_a_room(self, one: str, other: str) -> bool:
        """Whether there is a room that both may be in."""
        return self._any(
            "SELECT 1 FROM allow a JOIN allow b USING (room_id) WHERE a.user_id = ? AND b.user_id = ?",
            one,
            other,
        )

    def rooms_of(self, user_id: str) -> list[str]:
        """Every room the user may be in."""
        return [row[0] for row in self._rows("SELECT room_id FROM allow WHERE user_id = ?", user_id)]

    def localpart_for(self, token: str) -> str | None:
        """Return the name that a registration token stands for, while it is live."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        rows = self._rows(
            "SELECT localpart FROM token WHERE hash = ? AND expires_ms > ?", digest, self._now() * 1000
        )
        return rows[0][0] if rows else None

    def expects(self, localpart: str) -> bool:
        """Whether a live token stands for this name."""
        return self._any(
            "SELECT 1 FROM token WHERE localpart = ? AND expires_ms > ?", localpart, self._now() * 1000
        )

    def check(self) -> None:
        """Raise TableUnavailableError when nothing can be looked up."""
        self._any("SELECT 1 FROM allow, token")

    def _readable(self) -> float:
        try:
            self.check()
        except TableUnavailableError:
            return 0
        return 1

    def _any(self, query: str, *values: object) -> bool:
        return bool(self._rows(f"{query} LIMIT 1", *values))

    def _rows(self, query: str, *values: object) -> list[Any]:
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=BUSY_SECONDS)) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise TableUnavailableError from error
