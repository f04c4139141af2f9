"""Merkle trees: the vectors of Certificate Transparency, and another implementation as an oracle."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency

from banyan.domain.merkle import EMPTY, Tree, consistency, consistent, included, inclusion, root

LEAVES = [
    sha256(b"\x00" + bytes.fromhex(data)).digest()
    for data in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""By size, of the tests of Certificate Transparency."""
PROOFS = {
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
sizes = st.integers(1, 70)


def leaves(size):
    return [sha256(b"\x00" + bytes([number])).digest() for number in range(size)]


def oracle(size):
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(bytes([number]))
    return tree


@pytest.mark.parametrize("size", range(9))
def test_roots_of_certificate_transparency(size):
    """The tree that other logs have."""
    assert root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("old", "new"), PROOFS)
def test_consistency_of_certificate_transparency(old, new):
    """The proofs that other logs give."""
    assert tuple(each.hex() for each in consistency(old, LEAVES[:new])) == PROOFS[old, new]


@given(sizes)
def test_roots_of_another_implementation(size):
    """At every size, also while the tree grows leaf by leaf."""
    tree = Tree()
    for leaf in leaves(size):
        tree.append(leaf)
    assert (tree.size, tree.root) == (size, root(leaves(size)))
    assert tree.root == oracle(size).get_root()


@given(sizes, st.data())
def test_inclusion(size, data):
    """The path is the oracle's; it shows that leaf in that place under that root, and nothing else."""
    index = data.draw(st.integers(0, size - 1))
    all_of_them = leaves(size)
    path, head = inclusion(index, all_of_them), root(all_of_them)
    assert [all_of_them[index], *path] == oracle(size).prove_inclusion(index + 1).path
    assert included(all_of_them[index], index, size, path, head)
    other = data.draw(st.integers(0, size + 3))
    assert included(all_of_them[index], other, size, path, head) == (other == index)
    assert not included(all_of_them[index], index, size, [*path, EMPTY], head)
    assert not included(EMPTY, index, size, path, head)
    assert not included(all_of_them[index], -1, size, path, head)
    if path:
        assert not included(all_of_them[index], index, size, path[:-1], head)


@given(sizes, st.data())
def test_consistency(size, data):
    """It holds for the two trees it was made for, and for no other size, root or path."""
    old = data.draw(st.integers(0, size))
    all_of_them = leaves(size)
    path, before, after = consistency(old, all_of_them), root(all_of_them[:old]), root(all_of_them)
    assert consistent(old, before, size, after, path)
    assert not consistent(old, sha256(before).digest(), size, after, path)
    assert not consistent(old, before, size, after, [*path, EMPTY])
    assert not consistent(size + 1, before, size, after, path)
    if 0 < old < size:
        assert not consistent(old, before, size, sha256(after).digest(), path)
        assert not consistent(old, before, size, after, path[:-1])
        changed = [*all_of_them]
        changed[data.draw(st.integers(0, old - 1))] = EMPTY
        assert not consistent(old, before, size, root(changed), consistency(old, changed))


@given(sizes, st.data())
def test_the_oracle_agrees_that_our_trees_grew(size, data):
    """Its proof between two sizes holds for our roots of these sizes, and for no other."""
    old = data.draw(st.integers(1, size))
    proof = oracle(size).prove_consistency(old, size)
    verify_consistency(root(leaves(old)), root(leaves(size)), proof)
    with pytest.raises(Exception, match="match"):
        verify_consistency(EMPTY, root(leaves(size)), proof)
