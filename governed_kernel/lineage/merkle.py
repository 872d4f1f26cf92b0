"""The Merkle tree of RFC 6962 over a ledger's records, with both kinds of proof.

A root stands for every record before it. Who keeps a root can be shown that a record was there
(inclusion) and that nothing before it was rewritten (consistency), without being given the rest.

Source: RFC 6962, sections 2.1 to 2.1.2 (the same in RFC 9162); the algorithms that verify are
those of RFC 9162, sections 2.1.3.2 and 2.1.4.2. Leaves are given as their hashes, 32 bytes each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = [
    "consistency_proof",
    "inclusion_proof",
    "joined",
    "leaf_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]


def leaf_hash(data: bytes) -> bytes:
    """The hash of one record's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves`, 32 bytes; of none it is the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    # Whole subtrees from the left, the sizes falling: as a binary counter counts.
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        size, found = 1, leaf
        while stack and stack[-1][0] == size:
            found = _node(stack.pop()[1], found)
            size *= 2
        stack.append((size, found))
    return joined([node for _, node in stack])


def joined(subtrees: Sequence[bytes]) -> bytes:
    """The root over whole subtrees that stand beside each other, the sizes falling."""
    *left, found = subtrees
    for node in reversed(left):
        found = _node(node, found)
    return found


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of leaf `index`, from the leaf upwards (``PATH`` in the RFC)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} among {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(index, leaves[:split]), root(leaves[split:])]
    return [*inclusion_proof(index - split, leaves[split:]), root(leaves[:split])]


def consistency_proof(first: int, leaves: Sequence[bytes]) -> list[bytes]:
    """That the tree over the first `first` leaves is a beginning of this one (``PROOF``)."""
    if not 0 < first <= len(leaves):
        raise ValueError(f"{first} is not between 1 and {len(leaves)}")
    return _subproof(first, leaves, True)


def _subproof(first: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if first <= split:
        return [*_subproof(first, leaves[:split], whole), root(leaves[split:])]
    return [*_subproof(first - split, leaves[split:], False), root(leaves[:split])]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether `proof` leads from leaf `index` of `size` to the root `expected`."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = _node(part, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = _node(found, part)
        node >>= 1
        last >>= 1
    return last == 0 and found == expected


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of `first` leaves is a beginning of that of `second`."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = _node(part, old), _node(part, new)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            new = _node(new, part)
        node >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return int(1 << ((size - 1).bit_length() - 1))
