"""A log held against checkpoints: what was changed, dropped or moved since they were signed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from banyan.domain.log import Break, Chain, Entry
from banyan.domain.merkle import EMPTY, Tree, consistency, consistent, included, inclusion
from banyan.domain.notes import Head, NotReadable, PublicKey, read_note

Step = Callable[[int, int], None]
"""Told how many entries were read, and of how many."""


@dataclass(frozen=True)
class Doubt:
    """A checkpoint that does not stand, or that the log does not stand before."""

    why: str
    """Of the checkpoint `garbled`, `other-log`, `other-key` or `forged`, of the log `short` or `changed`."""
    size: int = 0
    """Entries that the checkpoint covers; 0 when it cannot be read."""
    after: int = 0
    """With `changed`: up to here another checkpoint held outside says that all is as it was."""


@dataclass(frozen=True)
class Verdict:
    """What a check of a whole log found."""

    entries: int
    """How many there are."""
    head: str
    """Hash of the last entry that holds."""
    root: bytes
    """Of the tree over those that hold."""
    leaves: Sequence[bytes]
    """Hashes of those that hold."""
    broken: Break | None
    doubts: tuple[Doubt, ...]
    proven: tuple[Head, ...]
    """What was signed and is still so, the smallest first."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None and not self.doubts


def examine(
    entries: Sequence[Entry],
    held: Iterable[str] = (),
    kept: Iterable[str] = (),
    keys: Sequence[PublicKey] = (),
    step: Step = lambda _done, _of: None,
) -> Verdict:
    """Check the chain, and that each checkpoint is signed by one of the keys and is what the log was then.

    `held` came from outside, `kept` lay beside the log: who rewrote one may have rewritten the other.
    """
    outside, doubts = _believed(held, keys)
    beside, more = _believed(kept, keys)
    heads, doubts = outside | beside, doubts + more
    chain, tree = Chain(), Tree()
    roots = {0: EMPTY}
    wanted = {head.size for head in heads}
    leaves: list[bytes] = []
    broken = None
    for entry in entries:
        broken = chain.follow(entry)
        if broken:
            break
        leaves.append(bytes.fromhex(entry.hash))
        tree.append(leaves[-1])
        if tree.size in wanted:
            roots[tree.size] = tree.root
        step(tree.size, len(entries))
    proven: list[Head] = []
    sure = 0
    for head in sorted(heads, key=lambda head: head.size):
        if head.size > len(entries):
            doubts.append(Doubt("short", head.size))
        elif head.size in roots:  # else it covers a break, which says all there is to say
            if roots[head.size] == head.root:
                proven.append(head)
                sure = head.size if head in outside else sure
            else:
                doubts.append(Doubt("changed", head.size, sure))
    return Verdict(len(entries), chain.head, tree.root, leaves, broken, tuple(doubts), tuple(proven))


def grown(old: Head, verdict: Verdict) -> list[bytes]:
    """The consistency proof from a proven checkpoint to the log as it is, checked as its readers will."""
    path = consistency(old.size, verdict.leaves)
    if not consistent(old.size, old.root, len(verdict.leaves), verdict.root, path):
        raise AssertionError("a consistency proof that does not hold")
    return path


def place(seq: int, head: Head, leaves: Sequence[bytes]) -> list[bytes]:
    """The inclusion proof of an entry (1-based) under a proven checkpoint, checked as its readers will."""
    path = inclusion(seq - 1, leaves[: head.size])
    if not included(leaves[seq - 1], seq - 1, head.size, path, head.root):
        raise AssertionError("an inclusion proof that does not hold")
    return path


def _believed(notes: Iterable[str], keys: Sequence[PublicKey]) -> tuple[set[Head], list[Doubt]]:
    heads: set[Head] = set()
    doubts = []
    for text in notes:
        try:
            note = read_note(text)
        except NotReadable:
            doubts.append(Doubt("garbled"))
            continue
        why = note.doubt(keys)
        if why:
            doubts.append(Doubt(why, note.head.size))
        else:
            heads.add(note.head)
    return heads, doubts
