"""RFC 6962 section 2.1: Merkle trees over the hashes of leaves, and what they prove.

Hashes are 32 bytes of SHA-256. Which hash a leaf has is the log's business: `log.leaf_hash`.
"""

from collections.abc import Sequence
from functools import reduce
from hashlib import sha256

EMPTY = sha256().digest()
"""Root of the tree without leaves."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of a node with two children."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows. It remembers its right edge only: thirty hashes for a thousand million leaves."""

    def __init__(self) -> None:
        self.size = 0
        """Leaves so far."""
        self._edge: list[bytes] = []  # roots of complete subtrees, the largest first

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        self.size += 1
        self._edge.append(leaf)
        size = self.size
        while size % 2 == 0:
            right, left = self._edge.pop(), self._edge.pop()
            self._edge.append(node_hash(left, right))
            size //= 2

    @property
    def root(self) -> bytes:
        """Of the tree as it is now."""
        if not self._edge:
            return EMPTY
        return reduce(lambda right, left: node_hash(left, right), reversed(self._edge))


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH: root of the tree over these."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH: what shows that the leaf of that index (0-based) is in the tree over these."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion(index, leaves[:half]), root(leaves[half:])]
    return [*inclusion(index - half, leaves[half:]), root(leaves[:half])]


def consistency(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF: what shows that the tree over these grew from the tree over the first `old` of them."""
    return _subproof(old, leaves, known=True) if old else []


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether the path shows that the leaf has that index in the tree of that size and root.

    RFC 9162 section 2.1.3.2, which says how to check what RFC 6962 only defines.
    """
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if here % 2 or here == last:
            found = node_hash(sibling, found)
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            found = node_hash(found, sibling)
        here, last = here // 2, last // 2
    return last == 0 and found == head


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the tree of size `new` grew from the one of size `old`.

    RFC 9162 section 2.1.4.2; every tree grew from the empty one.
    """
    if old == new:
        return old_root == new_root and not path
    if old == 0:
        return old_root == EMPTY and not path
    if not 0 < old < new or not path:
        return False
    if old & (old - 1) == 0:  # a complete tree: its root is the first node
        path = [old_root, *path]
    here, last = old - 1, new - 1
    while here % 2:
        here, last = here // 2, last // 2
    before = after = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if here % 2 or here == last:
            before, after = node_hash(node, before), node_hash(node, after)
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            after = node_hash(after, node)
        here, last = here // 2, last // 2
    return last == 0 and before == old_root and after == new_root


def _subproof(old: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF; `known` while the root of the old part is what the reader has already."""
    if old == len(leaves):
        return [] if known else [root(leaves)]
    half = _half(len(leaves))
    if old <= half:
        return [*_subproof(old, leaves[:half], known=known), root(leaves[half:])]
    return [*_subproof(old - half, leaves[half:], known=False), root(leaves[:half])]


def _half(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1
