"""Which frame a plan begins with: plans hold copies of handles, so identity has to be found again.

Each lazy frame remembers the frames it was made from, in the order in which its plan names them.
Where nobody saw that (a library built the plan), the memory behind the columns tells: a plan keeps
its data alive, so as long as there is such a plan no other data can lie at that address.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from governed_kernel.capture.adapters.polars.numbers import Numbers, Turns
from governed_kernel.capture.adapters.polars.origins import Table, leaf_table
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, Registry

__all__ = ["Lazy", "Leaf", "Leaves", "Memories", "address", "leaf_of", "memories"]

_REMEMBERED = 2_000
_TABLES = 256
_MOST_LOOKED_AT = 3

Address: TypeAlias = tuple[Any, ...]
Nodes: TypeAlias = tuple[Node, ...]


class _Array(ctypes.Structure):
    """Arrow's C data interface: https://arrow.apache.org/docs/format/CDataInterface.html."""


_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
    ("private_data", ctypes.c_void_p),
]


class _Schema(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_void_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("private_data", ctypes.c_void_p),
    )


def _lies_in_memory(dtype: Any) -> bool:
    """Whether a column can be exported: Python objects can't, and asking makes polars panic."""
    if dtype == pl.Object:
        return False
    if isinstance(dtype, pl.Struct):
        return all(_lies_in_memory(field.dtype) for field in dtype.fields)
    inner = getattr(dtype, "inner", None)
    return inner is None or _lies_in_memory(inner)


def address(series: Any) -> Address | None:
    """Where the values of a (native) series lie; None when that can't be told."""
    if not _lies_in_memory(series.dtype()):
        return None
    if series.n_chunks() != 1:
        chunks = series.get_chunks()
        if not chunks:
            return None
        series = chunks[0]
        series = getattr(series, "_s", series)
    array, schema = _Array(), _Schema()
    series._export_arrow_to_c(ctypes.addressof(array), ctypes.addressof(schema))
    try:
        buffers = _buffers(array)
        # Without rows, or of nulls alone, there is nothing that lies anywhere.
        return (array.length, array.offset, *buffers) if array.length and any(buffers) else None
    finally:
        if array.release:
            array.release(ctypes.addressof(array))
        if schema.release:
            schema.release(ctypes.addressof(schema))


def _place_of(series: Any) -> Address | None:
    """Where a series' values lie; what has none is known by its name, type and length."""
    if series.null_count() == series.len():
        return "nothing", series.name(), str(series.dtype()), series.len()
    return address(series)


def _buffers(array: _Array) -> list[int | None]:
    """The buffers that hold values; the first is of nulls, and later ones may be made anew."""
    found: list[int | None] = [array.buffers[1]] if array.n_buffers > 1 else []
    for place in range(min(array.n_children, _MOST_LOOKED_AT)):
        found += _buffers(array.children[place].contents)
    return found


def _address_of_frame(frame: Any) -> Address | None:
    """Where the first columns of a (native) frame lie."""
    columns = frame.get_columns()[:_MOST_LOOKED_AT]
    found = tuple(address(column) for column in columns)
    return found if found and any(found) else None


class Leaf(NamedTuple):
    """A frame that a plan may begin with, as it was when the plan was made."""

    node: Node
    columns: tuple[str, ...]
    height: int
    address: Address | None = None

    def is_like(self, columns: Sequence[str], *, exactly: bool) -> bool:
        """Whether a plan's frame with these columns can be this one."""
        if self.columns == tuple(columns):
            return True
        return not exactly and set(columns) <= set(self.columns)


class Lazy(NamedTuple):
    """What is known of a lazy frame, and of other things that hold plans.

    Attributes
    ----------
    leaves : tuple of Leaf
        In the order in which the plan names them.
    marks : frozenset of str
        ``files``: somewhere in it may be files; ``unequal``: somewhere is a join on conditions,
        which a plan spells as a filter; ``top``: somewhere are the largest or smallest, which it
        spells as a sort and a slice; ``tables``: the leaves are tables that a statement may name
        in any order.
    sources : tuple of tuple of str
        For each scan that the plan does not show, the files, folders or patterns that it reads.
    scanned : tuple of str
        The files, folders and patterns of all scans.
    turns : frozenset of int
        When its expressions were made (`numbers.Numbers`).
    """

    leaves: tuple[Leaf, ...]
    marks: frozenset[str] = frozenset()
    sources: tuple[tuple[str, ...], ...] = ()
    scanned: tuple[str, ...] = ()
    turns: Turns = frozenset()


class _Function(NamedTuple):
    """A function of the user's in an expression, or in a plan."""

    alive: Callable[[], Any]
    roots: frozenset[str] | None
    """The columns that it works on; None for whole frames."""
    nodes: Nodes
    """What it has within reach beside them."""


def _always() -> bool:
    return True


class Memories:
    """What is known beside the registry, for one session.

    Attributes
    ----------
    lazy : Registry
        Lazy frames, groups of them and SQL contexts.
    numbers : Numbers
        Single values, and lists of them, in expressions.
    """

    def __init__(self, observation: Observation) -> None:
        self.lazy = Registry()
        self._frames: OrderedDict[Address, Leaf] = OrderedDict()
        self._series: OrderedDict[Address, Node | None] = OrderedDict()
        self.tables: dict[str, tuple[Node, Table]] = {}
        """What frames in memory are as the beginning of a plan, by their entities."""
        self.numbers = Numbers(observation)
        self._last: Address | None = None
        self.batches: Node | None = None
        """What the frames are that a running ``sink_batches`` gives to the user's function."""
        self._looked_up: tuple[int, set[str]] = -1, set()
        self.looking_up = False
        """Whether an expression is being made that looks values up in a list or dictionary."""
        self.going_in: list[Node | None] = []
        """What the series are that polars makes of these, in order."""
        self._functions: list[_Function] = []

    def of(self, thing: Any) -> Lazy | None:
        """What is known of a lazy frame."""
        node = self.lazy.get(thing)
        return None if node is None else node.extra

    def keep(self, thing: Any, lazy: Lazy) -> None:
        """Let a lazy frame, or a group of one, be made from these."""
        self.lazy.put(thing, Node("", "lazy", (), (), lazy))

    def begin(self, leaf: Leaf) -> None:
        """A frame becomes the beginning of a plan."""
        if leaf.address is not None:
            _remember(self._frames, leaf.address, leaf)

    def found(self, frame: Any) -> Leaf | None:
        """The frame whose columns lie where those of a plan's frame do."""
        place = _address_of_frame(frame)
        leaf = None if place is None else self._frames.get(place)
        return leaf if leaf is not None and leaf.is_like(frame.columns(), exactly=True) else None

    def table_of(self, node: Node, columns: Sequence[str]) -> Table:
        """A frame in memory as a plan reads it; made once, for it is the same each time."""
        known = self.tables.get(node.entity)
        if known is not None and known[0] is node and len(known[1].columns) == len(columns):
            return known[1]
        if len(self.tables) >= _TABLES:
            self.tables.clear()
        table = leaf_table(node, columns)
        self.tables[node.entity] = node, table
        return table

    def first_look(self, execution: int, uri: str) -> bool:
        """Whether the columns of a file have not been looked up in a cell before."""
        if self._looked_up[0] != execution:
            self._looked_up = execution, set()
        known = uri in self._looked_up[1]
        self._looked_up[1].add(uri)
        return not known

    def literal(self, series: Any, node: Node | None) -> None:
        """A series goes into an expression."""
        place = self._last = _place_of(series)
        if place is not None:
            _remember(self._series, place, node)

    def literal_again(self, node: Node) -> None:
        """The series that has just gone into an expression was made of something known."""
        if self._last is not None:
            _remember(self._series, self._last, node)

    def keep_function(self, function: Any, roots: frozenset[str] | None, nodes: Nodes) -> None:
        """A user's function that has these within reach became part of an expression or plan."""
        try:
            alive: Callable[[], Any] = weakref.ref(getattr(function, "__func__", function))
        except TypeError:
            alive = _always
        self._functions = [each for each in self._functions if each.alive() is not None]
        self._functions = [*self._functions, _Function(alive, roots, nodes)][-_TABLES:]

    def of_functions(self, columns: Iterable[str] | None) -> list[Node]:
        """What the functions of a plan may use besides: those that work on (some of) `columns`.

        A plan keeps its functions alive, and does not show them.
        """
        found = [
            each
            for each in self._functions
            if each.alive() is not None
            and (columns is None or (each.roots is not None and each.roots.issubset(columns)))
        ]
        return list({node.entity: node for each in found for node in each.nodes}.values())

    @staticmethod
    def same_series(series: pl.Series, things: Iterable[Any], registry: Registry) -> Node | None:
        """The node of the argument that a series is another handle of."""
        place = _place_of(series._s)
        for thing in things:
            for each in thing if isinstance(thing, (tuple, list)) else (thing,):
                known = registry.get(each) if isinstance(each, pl.Series) else None
                if known is not None and place is not None and _place_of(each._s) == place:
                    return known
        return None

    def of_literal(self, series: Any) -> Node | None:
        """The node of a plan's series; None when nobody knew it."""
        place = _place_of(series)
        return None if place is None else self._series.get(place)


def _remember(memory: OrderedDict[Address, Any], place: Address, what: Any) -> None:
    memory[place] = what
    memory.move_to_end(place)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def leaf_of(node: Node, frame: Any, *, lasting: bool = False) -> Leaf:
    """A frame as the beginning of a plan; a `lasting` one is to be found after it is gone."""
    if not isinstance(frame, pl.DataFrame):
        return Leaf(node, node.columns, -1)
    place = _address_of_frame(frame._df) if lasting else None
    return Leaf(node, node.columns, frame.height, place)


_memories: weakref.WeakKeyDictionary[Observation, Memories] = weakref.WeakKeyDictionary()


def memories(observation: Observation) -> Memories:
    """The memories that belong to an observation."""
    found = _memories.get(observation)
    if found is None:
        found = _memories[observation] = Memories(observation)
    return found


class Leaves:
    """Finds the frames of one plan among those it may have begun with.

    Parameters
    ----------
    lazy : Lazy
        What the plan was made of.
    frames : sequence
        The (native) frames of the plan, in its order.
    """

    def __init__(self, memory: Memories, lazy: Lazy, frames: Sequence[Any]) -> None:
        self._memory = memory
        self._candidates = lazy.leaves
        columns = self.columns = [frame.columns() for frame in frames]
        told = "tables" not in lazy.marks and len(frames) == len(self._candidates)
        self._in_order = told and all(
            leaf.is_like(names, exactly=False)
            for leaf, names in zip(self._candidates, columns, strict=True)
        )

    def of(self, place: int, frame: Any) -> list[Node]:
        """The frame at a place of the plan; several when it may be any of them."""
        if self._in_order:
            return [self._candidates[place].node]
        names = frame.columns()
        for exactly in (True, False):
            like = [leaf for leaf in self._candidates if leaf.is_like(names, exactly=exactly)]
            if like:
                return self._narrowed(like, frame)
        found = self._memory.found(frame)
        return [] if found is None else [found.node]

    @staticmethod
    def _narrowed(like: list[Leaf], frame: Any) -> list[Node]:
        nodes = {leaf.node.entity: leaf.node for leaf in like}
        if len(nodes) > 1:
            place, height = _address_of_frame(frame), frame.height()
            same = [leaf for leaf in like if leaf.height in (-1, height)]
            same = [leaf for leaf in same if place is None or leaf.address in (None, place)]
            nodes = {leaf.node.entity: leaf.node for leaf in same or like}
        return list(nodes.values())
