"""The Merkle tree against the vectors of Certificate Transparency and the definition of the RFC."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governed_kernel.lineage import merkle

INPUTS = [
    *(b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"),
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The roots over the first n inputs, in certificate-transparency's reference tests."""


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "expected"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            2,
            3,
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
    ],
)
def test_audit_paths_are_those_of_certificate_transparency(
    index: int, size: int, expected: list[str]
) -> None:
    assert [part.hex() for part in merkle.inclusion_proof(index, LEAVES[:size])] == expected


def test_the_seven_leaves_of_the_rfc() -> None:
    """RFC 6962, section 2.1.3: its names for the nodes, its proofs."""

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node(a, b), node(c, d), node(e, f)
    k, m = node(g, h), node(i, j)
    assert merkle.root(LEAVES[:7]) == node(k, m)
    assert merkle.inclusion_proof(0, LEAVES[:7]) == [b, h, m]
    assert merkle.inclusion_proof(3, LEAVES[:7]) == [c, g, m]
    assert merkle.inclusion_proof(4, LEAVES[:7]) == [f, j, k]
    assert merkle.inclusion_proof(6, LEAVES[:7]) == [i, k]
    assert merkle.consistency_proof(3, LEAVES[:7]) == [c, d, g, m]
    assert merkle.consistency_proof(4, LEAVES[:7]) == [m]
    assert merkle.consistency_proof(6, LEAVES[:7]) == [i, j, k]


def by_definition(leaves: list[bytes]) -> bytes:
    """``MTH`` as the RFC writes it, recursively."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    both = by_definition(leaves[:split]) + by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + both).digest()


SIZES = st.integers(1, 130)


def some(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


@given(SIZES)
def test_a_root_is_the_one_of_the_definition(size: int) -> None:
    assert merkle.root(some(size)) == by_definition(some(size))


@given(SIZES, st.data())
def test_every_leaf_is_shown_to_be_where_it_is_and_nowhere_else(
    size: int, data: st.DataObject
) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    proof, expected = merkle.inclusion_proof(index, leaves), merkle.root(leaves)
    assert merkle.verify_inclusion(leaves[index], index, size, proof, expected)
    other = data.draw(st.integers(-1, size))
    if other != index:
        assert not merkle.verify_inclusion(leaves[index], other, size, proof, expected)
    assert not merkle.verify_inclusion(bytes(32), index, size, proof, expected)
    assert not merkle.verify_inclusion(leaves[index], index, size, [*proof, bytes(32)], expected)
    if proof:
        assert not merkle.verify_inclusion(leaves[index], index, size, proof[:-1], expected)


@given(SIZES, st.data())
def test_an_earlier_tree_is_shown_to_be_a_beginning_and_another_is_not(
    size: int, data: st.DataObject
) -> None:
    leaves = some(size)
    first = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(first, leaves)
    old, new = merkle.root(leaves[:first]), merkle.root(leaves)
    assert merkle.verify_consistency(first, size, old, new, proof)
    changed = data.draw(st.integers(0, first - 1))
    rewritten = [*leaves]
    rewritten[changed] = merkle.leaf_hash(b"rewritten")
    assert not merkle.verify_consistency(
        first, size, old, merkle.root(rewritten), merkle.consistency_proof(first, rewritten)
    )
    if proof:
        assert not merkle.verify_consistency(first, size, old, new, proof[:-1])


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_for_what_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_proof(index, LEAVES[:3])
    assert not merkle.verify_inclusion(LEAVES[0], index, 3, [], merkle.root(LEAVES[:3]))
