"""A log as a file that is read without us: the keys, every entry as it was hashed, every checkpoint.

The first line is JSON, `{"format": …, "keys": […]}`; then one line an entry, its bytes as they are; an empty
line; the checkpoints. No opening is in it: whom an entry is about, only its commitment says.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from banyan.domain.log import Entry, entry_from
from banyan.domain.notes import NotReadable, PublicKey, find_notes

FORMAT = "banyan-log-1"


@dataclass(frozen=True)
class Export:
    """What such a file says. Nothing of it is true until it was examined."""

    keys: Sequence[PublicKey]
    """What it claims to be signed with: only a key that came another way proves that."""
    entries: Sequence[Entry]
    notes: Sequence[str]


def written(keys: Iterable[PublicKey], entries: Iterable[Entry], notes: Iterable[str]) -> bytes:
    """The file. The entries have to be a chain that holds: of others, a line may not be one entry."""
    header = json.dumps({"format": FORMAT, "keys": [str(key) for key in keys]}).encode()
    lines = [header, *(entry.body for entry in entries)]
    return b"\n".join(lines) + b"\n\n" + "\n".join(notes).encode()


def read(raw: bytes) -> Export:
    """Read the file. Raise `NotReadable` for what is not such a file; its entries may say anything."""
    header, _, rest = raw.partition(b"\n")
    # whoever drops all entries leaves the empty line at the very beginning of the rest
    bodies, _, notes = rest.partition(b"\n\n") if not rest.startswith(b"\n") else (b"", b"", rest)
    try:
        about = json.loads(header)
        readable = about["format"] == FORMAT
        keys = [PublicKey.parse(line) for line in about["keys"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        readable = False
    if not readable:
        raise NotReadable("not an export of a log")
    lines = bodies.split(b"\n") if bodies else []
    entries = [entry_from(body, seq) for seq, body in enumerate(lines, 1)]
    return Export(keys, entries, find_notes(notes.decode(errors="replace")))
