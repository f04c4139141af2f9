"""QR codes of links for a terminal and for paper. A link is a secret: whoever photographs the code has it."""

import io
import os
from pathlib import Path

import segno


def terminal(link: str) -> str:
    """Return the code as lines of block characters, for a terminal with at least 45 columns."""
    out = io.StringIO()
    segno.make_qr(link, error="m").terminal(out, compact=True, border=2)
    return out.getvalue()


def png(link: str, path: Path) -> None:
    """Write the code to a new file that only its owner may read. Raise `FileExistsError` if it is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        segno.make_qr(link, error="m").save(file, kind="png", scale=8, border=4)
