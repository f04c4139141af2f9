"""Verifying the log: what the chain, the tree and every checkpoint's signature cost beside hashing alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from nacl.signing import SigningKey

from banyan.domain.export import Export, read, written
from banyan.domain.log import GENESIS, Action, Entry, Opening, about_member, entry_body, leaf_hash
from banyan.domain.merkle import Tree
from banyan.domain.notes import Head, PublicKey, sign
from banyan.domain.people import Member, Placement
from banyan.domain.proof import examine
from benchmarks.measure import Kind, Result, Step, compared, in_turns
from benchmarks.parts import Sizes

ENTRIES, EVERY, ROUNDS = 10_000, 10, 5
"""A checkpoint after each ten entries: more than a year of a large network has."""


async def log_verified(_directory: Path, _sizes: Sizes, step: Step) -> list[Result]:
    """From the bytes of an exported file until it is known to be sound; the peer hashes each entry once."""
    raw = _exported()
    bodies = [entry.body for entry in read(raw).entries]

    async def product() -> float:
        began = perf_counter()
        found: Export = read(raw)
        verdict = examine(found.entries, (), found.notes, found.keys)
        seconds = perf_counter() - began
        if not verdict.sound or len(verdict.proven) != ENTRIES // EVERY:
            raise RuntimeError("the log of the benchmark is not sound")
        return seconds

    async def peer() -> float:
        began = perf_counter()
        for body in bodies:
            leaf_hash(body)
        return perf_counter() - began

    pairs = await in_turns(product, peer, ROUNDS, step)
    size = {"entries": ENTRIES, "checkpoints": ENTRIES // EVERY}
    return [compared("log verified offline", Kind.RATIO, 250, pairs, size)]


def _exported() -> bytes:
    key = SigningKey(bytes(32))
    public = PublicKey("bench.test/banyan-log", bytes(key.verify_key))
    member = Member("0" * 32, "amber-heron", Placement("KH"), "en")
    decided = about_member(
        Action.MEMBER_LET_IN, "focal_point:blue-crane", member, details={"room": "talk:KH"}
    )
    named = Opening(0, "member", "0" * 32, member.localpart)
    at, prev, tree = datetime(2026, 1, 1, tzinfo=UTC), GENESIS, Tree()
    entries, notes = [], []
    for seq in range(1, ENTRIES + 1):
        at += timedelta(minutes=7)
        body = entry_body(decided, seq=seq, at=at, prev=prev, openings=[named])
        prev = leaf_hash(body)
        entries.append(Entry(seq, at, body, prev))
        tree.append(bytes.fromhex(prev))
        if seq % EVERY == 0:
            notes.append(sign(Head(public.name, seq, tree.root), key))
    return written([public], entries, notes)
