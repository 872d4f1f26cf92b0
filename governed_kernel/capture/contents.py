"""What things of plain Python, and arrays, hold: looked at before a statement and after it.

``fill(rows, frame)`` may put values anywhere into what it is given: two levels down, into objects
in a list, into an array. No syntax says so, but what was changed differs.
"""

from __future__ import annotations

import collections
import ctypes
import queue
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from governed_kernel.capture.bringing import PLAIN
from governed_kernel.capture.looks import own
from governed_kernel.capture.registry import identity

__all__ = [
    *("Contents", "UserModule", "contents_of", "is_array", "is_looked_into", "module_judge"),
    "root_of",
]

_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
_FIXED = (tuple, frozenset)
_NAMESPACES = (types.SimpleNamespace, queue.Queue, queue.LifoQueue, queue.PriorityQueue)
_BYTES = 400
"""Bytes of an array that are looked at for the cost of one value in a list."""
_VALUES = frozenset(PLAIN)
_ARRAYS = ("ndarray", "memmap", "matrix", "recarray", "Tensor", "Parameter")

UserModule = Callable[[str], bool]
"""Whether a module, by its name, is the user's own."""


class Contents:
    """What a thing holds, part by part.

    Attributes
    ----------
    parts : dict of int to object
        `identity` of each part that can be changed → what it held.
    arrays : list
        Arrays and tensors among them.
    is_whole : bool
        Whether all was looked at: it was no more than `most`.
    most : int
        Values that were to be looked at.
    """

    __slots__ = ("arrays", "is_whole", "most", "parts")

    def __init__(self, most: int) -> None:
        self.most = most
        self.parts: dict[int, Any] = {}
        self.arrays: list[Any] = []
        self.is_whole = True

    def shown(self) -> set[int]:
        """`identity` of all parts, and of what they are views of."""
        return {*self.parts, *(identity(root_of(each)) for each in self.arrays)}

    def changed_from(self, before: Contents) -> set[int]:
        """`identity` of the parts that differ, or were not there, and of what they are views of."""
        changed = {
            part
            for part, held in self.parts.items()
            if part not in before.parts or not _same(before.parts[part], held)
        }
        changed.update(identity(root_of(each)) for each in self.arrays if identity(each) in changed)
        return changed


def is_looked_into(kind: type, is_users: UserModule) -> bool:
    """Whether of things of a type `contents_of` tells something."""
    return kind not in _VALUES and (
        issubclass(kind, (dict, *_SEQUENCES, memoryview))
        or is_array(kind)
        or _is_users(kind, is_users)
    )


def contents_of(thing: Any, is_users: UserModule, most: int) -> Contents:
    """What a thing holds, of `most` values at most; runs no code of the user's."""
    found = Contents(most)
    pending, seen, left = [thing], set[int](), most
    while pending:
        part = pending.pop()
        known = identity(part)
        if known in seen:
            continue
        seen.add(known)
        if isinstance(part, memoryview) or is_array(type(part)):
            found.arrays.append(part)
            if not _holds_objects(part):
                left -= _take_array(found, part, left)
                continue
        try:
            held = _held(part, is_users)
        except RuntimeError:  # another thread changes it meanwhile
            held, left = [], -1
        left -= len(held)
        if left < 0:
            found.is_whole = False
            return found
        kinds = set(map(type, held))
        if kinds <= _VALUES:
            if not isinstance(part, _FIXED):
                found.parts[known] = tuple(held)
            continue
        deep = {kind for kind in kinds if is_looked_into(kind, is_users)}
        pending += [each for each in held if type(each) in deep]
        if not isinstance(part, _FIXED):
            found.parts[known] = [
                each if type(each).__weakrefoffset__ == 0 else identity(each) for each in held
            ]
    return found


def root_of(thing: Any) -> Any:
    """The thing whose memory an array, a tensor or a view of one shows."""
    while True:
        if isinstance(thing, memoryview):
            base: Any = thing.obj
        elif is_array(type(thing)):
            base = getattr(thing, "base", None)
            base = getattr(thing, "_base", None) if base is None else base
        else:
            return thing
        if base is None or not (isinstance(base, memoryview) or is_array(type(base))):
            return thing if base is None or isinstance(base, bytes) else base
        thing = base


def _take_array(found: Contents, array: Any, left: int) -> int:
    """Look at an array; returns its cost."""
    key = identity(array)
    if isinstance(array, memoryview):
        array = root_of(array)
        if not is_array(type(array)):
            return 0
    if type(array).__module__.startswith("torch"):
        try:
            bytes_held, cost = _bytes_of(array, left)
            found.parts[key] = array._version, bytes_held
        except (AttributeError, RuntimeError):  # made where nothing is counted
            found.is_whole = False
            return 0
        return cost
    cost = int(array.nbytes // _BYTES)
    if cost > left:
        found.is_whole = False
        return 0
    found.parts[key] = (zlib.crc32(array.tobytes()), array.shape)
    return cost


def _bytes_of(tensor: Any, left: int) -> tuple[int, int]:
    """A checksum of what a small tensor holds, and its cost: its ``.data`` and its ``.numpy()``
    change it uncounted. Of its whole memory, which may be less than its shape says.
    """
    storage = tensor.untyped_storage()
    size = int(storage.nbytes())
    cost = size // _BYTES
    if not size or cost > left or tensor.device.type != "cpu":
        return 0, 0
    return zlib.crc32(ctypes.string_at(storage.data_ptr(), size)), cost


def _holds_objects(thing: Any) -> bool:
    return type(thing).__name__ == "ndarray" and bool(thing.dtype.hasobject)


def _held(thing: Any, is_users: UserModule) -> list[Any]:
    """The values in a thing, without running code of its class."""
    if is_array(type(thing)):
        held: list[Any] = thing.ravel().tolist()
    elif isinstance(thing, dict):
        held = [*dict.keys(thing), *dict.values(thing)]
    else:
        base = next((each for each in _SEQUENCES if isinstance(thing, each)), None)
        held = [] if base is None else list(base.__iter__(thing))
    if _is_users(type(thing), is_users):
        held += (own(thing) or {}).values()
        held += _in_slots(thing)
    return held


def _in_slots(thing: Any) -> Iterator[Any]:
    for kind in type(thing).__mro__:
        for member in vars(kind).values():
            if type(member) is types.MemberDescriptorType:
                try:
                    yield member.__get__(thing)
                except AttributeError:  # it is empty
                    continue


def is_array(kind: type) -> bool:
    """Whether things of a type are arrays of numpy's or torch's."""
    library = kind.__module__.partition(".")[0]
    return kind.__name__ in _ARRAYS and library in ("numpy", "torch")


def _is_users(kind: type, is_users: UserModule) -> bool:
    return kind in _NAMESPACES or is_users(kind.__module__)


def _same(before: Any, after: Any) -> bool:
    """Whether two lists hold the same; asks nothing of the user's objects."""
    if not isinstance(before, list) or not isinstance(after, list):
        return type(before) is type(after) and bool(before == after)
    return len(before) == len(after) and all(
        one is other or (type(one) in _VALUES and type(other) in _VALUES and one == other)
        for one, other in zip(before, after, strict=True)
    )


def module_judge(is_user_file: Callable[[str], bool]) -> UserModule:
    """Tells of a module's name whether the user wrote it."""
    known: dict[str, bool] = {"__main__": True, "builtins": False}

    def is_users(name: str) -> bool:
        found = known.get(name)
        if found is None:
            file = getattr(sys.modules.get(name), "__file__", None)
            found = known[name] = bool(file) and is_user_file(str(file))
        return found

    return is_users
