"""What the operator asks of the log, one function a command; an export is read without any home."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from banyan.bootstrap.home import open_home
from banyan.bootstrap.waiting import must_exist
from banyan.domain.export import Export, read, written
from banyan.domain.notes import Head, NotReadable, find_notes, read_note
from banyan.domain.proof import Step, Verdict, examine, grown, place
from banyan.errors import BanyanError, NotFound, UsedWrongly
from banyan.files import write_private
from banyan.notary import public_keys, read_keys
from banyan.services.log import Book
from banyan.settings import Home


class LogBroken(BanyanError):
    """The log is not what it was."""

    code = "log-broken"


@dataclass(frozen=True)
class Examination:
    """A verdict, and what it rests on."""

    verdict: Verdict
    notes: Sequence[str]
    """Every checkpoint it was held against."""
    held: frozenset[Head]
    """Of those: what was brought from outside."""
    trusted: bool
    """Whether the keys came from outside too."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdict.sound

    def proof(self, seq: int) -> str:
        """C2SP `tlog-proof` that the entry is in the log, under a checkpoint held outside if one covers it.

        Raise `UsedWrongly` for an entry that there is none of, `NotFound` while no checkpoint covers it.
        """
        if not 1 <= seq <= self.verdict.entries:
            raise UsedWrongly(f"There is no entry {seq}: the log has {self.verdict.entries}.")
        covering = [head for head in self.verdict.proven if head.size >= seq]
        if not covering:
            raise NotFound(f"No checkpoint covers entry {seq} yet. One is signed within the hour.")
        head = next((head for head in covering if head in self.held), covering[0])
        note = next(note for note in self.notes if read_note(note).head == head)
        path = "".join(f"{line}\n" for line in _base64(place(seq, head, self.verdict.leaves)))
        return f"c2sp.org/tlog-proof@v1\nindex {seq - 1}\n{path}\n{note}"

    def to_json(self) -> dict[str, Any]:
        """For machines; with the consistency proofs from what is held outside to the log as it is."""
        verdict, broken = self.verdict, self.verdict.broken
        return {
            "sound": self.sound,
            "entries": verdict.entries,
            "head": verdict.head,
            "root": b64encode(verdict.root).decode(),
            "broken": broken and {"entry": broken.seq, "why": broken.why},
            "doubts": [{"why": each.why, "size": each.size, "after": each.after} for each in verdict.doubts],
            "proven": [head.size for head in verdict.proven],
            "held": [
                {"size": head.size, "consistency": _base64(grown(head, verdict))}
                for head in verdict.proven
                if head in self.held and not broken
            ],
            "key": "outside" if self.trusted else "inside",
        }


async def read_log(home: Home) -> list[dict[str, Any]]:
    """Every entry of the log as it is signed, and whom it names as far as that was not shredded."""
    book = await _book(home)
    return [
        json.loads(entry.body)
        | {"names": {opening.field: opening.value for opening in book.openings.get(entry.seq, ())}}
        for entry in book.entries
    ]


async def verify_home(home: Home, files: Sequence[Path], key: Path | None, step: Step) -> Examination:
    """Check the log of a home against its own checkpoints and those in the files."""
    held = _notes(files)
    book = await _book(home)
    keys = read_keys(key) if key else public_keys(home)
    verdict = book.examine(keys, held, step)
    return Examination(verdict, [*held, *book.notes], _heads(held), trusted=key is not None)


def verify_export(file: Path, files: Sequence[Path], key: Path | None, step: Step) -> Examination:
    """Check an exported log; nothing but these files is needed. Raise `UsedWrongly` for what is none."""
    held = _notes(files)
    export = _export(file)
    keys = read_keys(key) if key else export.keys
    verdict = examine(export.entries, held, export.notes, keys, step)
    return Examination(verdict, [*held, *export.notes], _heads(held), trusted=key is not None)


async def export_log(home: Home, file: Path) -> int:
    """Write the log into a file that is checked without us; how many entries. Raise `LogBroken`."""
    book = await _book(home)
    broken = examine(book.entries).broken
    if broken:
        raise LogBroken(f"Entry {broken.seq} does not follow from the one before. Keep this database.")
    write_private(file, written(public_keys(home), book.entries, book.notes))
    return len(book.entries)


async def list_checkpoints(home: Home) -> list[dict[str, Any]]:
    """Every checkpoint that the home keeps, the latest last."""
    must_exist(home)
    async with open_home(home) as parts:
        return [
            {"size": each.size, "at": each.at, "note": each.note} for each in await parts.log.checkpoints()
        ]


async def _book(home: Home) -> Book:
    must_exist(home)
    async with open_home(home) as parts:
        try:
            return await parts.log.book()
        except (ValueError, TypeError):
            raise LogBroken(
                "The database holds what we never write there, so the log cannot be read. Keep it as it is."
            ) from None


def _export(file: Path) -> Export:
    try:
        return read(file.read_bytes())
    except NotReadable:
        raise UsedWrongly(f"{file.name} is not an exported log; `banyan log export` makes one.") from None


def _notes(files: Sequence[Path]) -> list[str]:
    found = []
    for file in files:
        notes = find_notes(file.read_bytes().decode(errors="replace"))
        if not notes:
            raise UsedWrongly(
                f"There is no checkpoint in {file.name}. Copy one whole, from its first line to the one "
                "that begins with “—”."
            )
        found += notes
    return found


def _heads(notes: Sequence[str]) -> frozenset[Head]:
    heads = set()
    for note in notes:
        try:
            heads.add(read_note(note).head)
        except NotReadable:
            continue  # the verdict says so
    return frozenset(heads)


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [b64encode(each).decode() for each in hashes]
