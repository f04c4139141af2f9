"""What somebody reads who has taken the machine: a bot's files as they lie there, and its pickle key."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nio.crypto import InboundGroupSession

from bots.client.canonical import encode
from tests.bots.client.parties import PICKLE_KEY

JOURNALS = ("", "-wal")
PIECE = 32


def raw(store: Path) -> bytes:
    """All bytes of the file and its journal, in use or not."""
    paths = [store.with_name(store.name + ending) for ending in JOURNALS]
    return b"".join(path.read_bytes() for path in paths if path.exists())


def secrets(store: Path) -> list[bytes]:
    """What must be gone one day: room keys as they are stored, and what they are wrapped with.

    In pieces, as SQLite spreads a row over pages.
    """
    columns = ("pickle FROM room_key", "pickle FROM own_key", "secret FROM wrapping")
    found = [row[0] for column in columns for row in rows(store, f"SELECT {column}")]
    whole = [each.encode() if isinstance(each, str) else each for each in found]
    return [each[at : at + PIECE] for each in whole for at in range(0, len(each) - PIECE + 1, PIECE)]


def can_read(store: Path, content: Mapping[str, Any]) -> bool:
    """Whether the content of an encrypted event can be opened, however often it was read already."""
    found = rows(store, "SELECT pickle FROM room_key WHERE session_id = ?", content["session_id"])
    return any(opens(store, pickle, content) for (pickle,) in found)


def opens(store: Path, pickle: bytes, content: Mapping[str, Any]) -> bool:
    """Whether a stored key, wherever its bytes were found, opens it with what is in the store now."""
    for (secret,) in rows(store, "SELECT secret FROM wrapping"):
        try:
            key = InboundGroupSession.from_pickle(encode(pickle).encode(), "", "", "", PICKLE_KEY + secret)
            key.decrypt(content["ciphertext"])
        except ValueError:
            continue
        return True
    return False


def rows(store: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask a copy: the bot goes on meanwhile."""
    with TemporaryDirectory() as directory:
        copy = Path(directory, store.name)
        for ending in JOURNALS:
            path = store.with_name(store.name + ending)
            if path.exists():
                shutil.copy(path, copy.with_name(copy.name + ending))
        with closing(sqlite3.connect(copy)) as db:
            return db.execute(sql, values).fetchall()
