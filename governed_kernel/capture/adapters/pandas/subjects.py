"""What pandas' rules work on: frames, series, groups and windows, and the columns they have.

Named levels of an index count as columns, because ``reset_index`` makes them so and files hold
them. A series without a name has the column ``0``, as ``to_frame`` would call it. A label that is
a tuple is joined by dots.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.steps import Step
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Evidence, Relation

__all__ = [
    "PLAIN",
    "UNNAMED",
    "Apart",
    "Before",
    "Reduced",
    "Work",
    "column_labels",
    "decisive",
    "given",
    "is_number",
    "is_single_value",
    "is_written_out",
    "labels_in",
    "levels",
    "levels_meant",
    "look",
    "remember",
    "text",
]

Columns: TypeAlias = tuple[str, ...]
PLAIN = ("array", "value")
"""Kinds of things without an index."""
UNNAMED = "0"

_labels: dict[object, tuple[str, ...]] = {}
_MOST_LABELS = 500
_MOST_PARTS = 50


def text(label: Any) -> str:
    """A column label as the record spells it."""
    if type(label) is str:
        return label
    if isinstance(label, tuple):
        return ".".join(text(part) for part in label if part != "")
    return UNNAMED if label is None else str(label)


def column_labels(frame: pd.DataFrame) -> tuple[str, ...]:
    """Labels of the columns without the index."""
    return labels_in(frame.columns)


def labels_in(columns: pd.Index) -> tuple[str, ...]:
    """Labels of columns, as an index holds them; remembered for each index."""
    shared = columns._id  # type: ignore[attr-defined]  # of all views of one index: `Index.is_`
    known = _labels.get(shared)
    if known is None:
        known = tuple([text(label) for label in columns.tolist()])
        if shared is not None:
            if len(_labels) >= _MOST_LABELS:
                _labels.clear()
            _labels[shared] = known
    return known


def levels(index: pd.Index) -> tuple[str, ...]:
    """The named levels of an index."""
    if isinstance(index, pd.MultiIndex):
        return tuple(text(name) for name in index.names if name is not None)
    name = index.name
    return () if name is None else (text(name),)


def levels_meant(index: pd.Index, level: Any) -> tuple[str, ...]:
    """The named levels of an index that an argument ``level`` means; None means all."""
    if level is None or not isinstance(index, pd.MultiIndex):
        return levels(index)
    names = list(index.names)
    meant = level if isinstance(level, (list, tuple, pd.Index)) and level not in names else [level]
    found = [each if each in names else names[each] for each in meant]
    return tuple([text(name) for name in found if name is not None])


def look(thing: Any) -> tuple[str, tuple[str, ...]] | None:
    """Kind and columns of what can be followed; None for everything else."""
    if isinstance(thing, pd.DataFrame):
        return "frame", levels(thing.index) + column_labels(thing)
    if isinstance(thing, pd.Series):
        return "series", (*levels(thing.index), text(thing.name))
    if isinstance(thing, pd.Index):
        return "index", levels(thing) or (UNNAMED,)
    return None


def array_columns(array: Any) -> tuple[str, ...]:
    """Columns of an array by position; one for an array of one dimension."""
    width = array.shape[1] if array.ndim == 2 else 1
    return tuple(map(str, range(width)))


class Reduced(NamedTuple):
    """Of a series whose labels are names of columns: the frames that its values are made of.

    Each value owes to the columns that are called by its label.
    """

    frames: tuple[Node, ...]
    relation: Relation = "AGGREGATION"
    """IDENTITY where it is a row of a frame."""

    def behind(self, label: str) -> tuple[Node, ...]:
        """The frames that have a column of that label."""
        return tuple([frame for frame in self.frames if label in frame.columns])

    def go_into(self, work: Work, node: Node, made: tuple[str, ...]) -> None:
        """Let the columns `made` owe to those of their names, and to what chose these values."""
        for frame in self.frames:
            work.same(frame, made, self.relation)
        self.chosen(work, node, made)

    def chosen(self, work: Work, node: Node, made: tuple[str, ...]) -> None:
        """Let columns owe to what has chosen these values, and not the rows of the frames."""
        work.take(node)
        known = {row for frame in self.frames for row in frame.rows}
        for row in node.rows:
            if row not in known:
                entity, column, relation, evidence = row
                if entity not in work.inputs:
                    work.take(Node(entity, "series", (column,)))
                work.links.append(
                    (entity, relation, evidence, tuple((each, column) for each in made))
                )


class Apart(NamedTuple):
    """Of labels of which one is called what a column beside them is: a node tells no two apart."""

    levels: Columns


class Before(NamedTuple):
    """What a call is going to change, as it was."""

    node: Node | None
    rows: int


class Work(Step):
    """A step whose things are pandas' own."""

    __slots__ = ()

    def of(self, thing: Any) -> Node | None:
        """The node of a frame, series or index, or of an array that is known; else None."""
        seen = look(thing)
        if seen is not None:
            if is_places(thing) and self.observation.registry.get(thing) is None:
                return None
            return self.node(thing, *seen)
        scalars = self.observation.scalars
        if thing is None or (isinstance(thing, str) and identity(thing) not in scalars.ids):
            return None  # nearly every text is a name of a column, or stands in the code
        return scalars.get(thing)

    def _unseen(self, thing: Any, kind: str, columns: Columns, stale: Node | None) -> Node:
        if stale is not None and stale.columns and self._has_renamed_labels(thing, columns, stale):
            renamed = Work(self.observation, Observed(self.observed.call, thing))
            renamed.operation = "Index.name ="
            start = len(columns) - len(stale.columns)
            renamed.pairs(stale, zip(columns[start:], stale.columns, strict=True))
            return renamed.finish(thing, kind, columns)
        return super()._unseen(thing, kind, columns, stale)

    def _has_renamed_labels(self, thing: Any, columns: Columns, stale: Node) -> bool:
        """``frame.index.name = "id"``: the same labels and values, some under another name."""
        if isinstance(thing, pd.Index):
            return len(columns) == len(stale.columns)
        if not isinstance(thing, (pd.DataFrame, pd.Series)):
            return False
        named = len(levels(thing.index))
        before = len(stale.columns) - len(columns) + named
        if columns[named:] != stale.columns[max(before, 0) :]:
            return False
        if before == 0:  # labels that only count rows
            return is_places(thing.index) or self.observation.registry.get(thing.index) is None
        labels = self.observation.registry.get(thing.index)
        return before == named and labels is not None and labels.entity == stale.entity

    @property
    def is_told(self) -> bool:
        """Whether nothing went in of which only the statement tells, and later, what it was."""
        return not self.is_open and all(
            node.kind in ("frame", "series") for node in self.inputs.values()
        )

    def subject(self) -> Node | None:
        """The node of ``self``, as it was before the call."""
        before = self.observed.call.note
        if isinstance(before, Before) and before.node is not None:
            return before.node
        return self.of(self.observed.subject)

    def many(self, things: Any) -> list[Node]:
        """Nodes of the things inside a list, tuple or dictionary, else of the thing itself."""
        whole = self.observation.registry.get(things) if things is not None else None
        if isinstance(things, dict):
            things = list(things.values())
        elif not isinstance(things, (list, tuple)):
            things = [things]
        found = [self.of(thing) for thing in things[:50]]
        known = [node for node in found if node is not None]
        return known or ([whole] if whole is not None else [])

    def output(self) -> Any:
        """What the call made: its result, or with ``inplace`` its changed subject."""
        result = self.observed.result
        if result is None and isinstance(self.observed.call.note, Before):
            return self.observed.subject
        return result

    def finish(self, output: Any, kind: str, columns: tuple[str, ...], **options: Any) -> Node:
        """As any step; the index that a frame or series has got is known as well."""
        node = super().finish(output, kind, columns, **options)
        if kind in ("frame", "series"):
            self._name_index(output, node)
        return node

    def _name_index(self, thing: Any, node: Node) -> None:
        index = thing.index
        if not self.observed.call.arguments or (is_places(index) and not node.rows):
            return
        if getattr(self.observed.call.arguments[0], "index", None) is index:
            return
        names = levels(index) or (UNNAMED,)
        known = self._labels_apart(index)
        if known is not None:
            self.observation.registry.put(index, known)
            return
        if names[0] == UNNAMED and (given := self._labels_given()) is not None:
            self.observation.registry.put(index, given)
            return
        if names[0] != UNNAMED or UNNAMED not in node.columns:
            # Labels without a name are there because the rows are.
            self.observation.registry.put(index, Node(node.entity, "index", names, node.rows))

    def _labels_apart(self, index: pd.Index) -> Node | None:
        """Those of the subject, where what was made of it has the same ones."""
        subject = self.observed.call.arguments[0]
        if not isinstance(subject, (pd.DataFrame, pd.Series)) or not index.is_(subject.index):
            return None
        known = self.observation.registry.get(subject.index)
        return known if known is not None and isinstance(known.extra, Apart) else None

    def labels(self, node: Node, thing: Any, wanted: Columns) -> None:
        """Let these levels be those of `thing`, also where a column beside them is called so."""
        known = self.observation.registry.get(thing.index)
        if known is not None and isinstance(known.extra, Apart):
            apart = tuple([level for level in wanted if level in known.extra.levels])
            self.same(known, apart)
            wanted = tuple([level for level in wanted if level not in apart])
        self.same(node, wanted)

    def _labels_given(self) -> Node | None:
        """Labels without a name that the subject was given: what is made of it has some of them."""
        subject, registry = self.observed.call.arguments[0], self.observation.registry
        if not isinstance(subject, (pd.DataFrame, pd.Series)):
            return None
        node, labels = registry.get(subject), registry.get(subject.index)
        if node is None or labels is None or labels.entity == node.entity:
            return None
        return None if levels(subject.index) else labels

    def close(self, *, patient: bool = False) -> Node:
        """Finish with the call's own output; what is no column ends the trail."""
        output = self.output()
        before = self.observed.call.note
        rows_in = before.rows if isinstance(before, Before) else size(self.observed.subject)
        seen = look(output)
        if seen is None and isinstance(output, np.ndarray) and (self.links or self.rows):
            # An array that no rule has linked is left to what its statement says.
            seen = "array", array_columns(output)
        if seen is None:
            if self.links:
                return self.finish(output, "value", (VALUE,), rows_in=rows_in)
            return self.finish(None, "value", (), rows_in=rows_in)
        return self.finish(output, *seen, rows_in=rows_in, rows_out=size(output), patient=patient)


def size(thing: Any) -> int:
    """Number of rows, -1 for what has none."""
    return len(thing) if isinstance(thing, _SIZED) else -1


_SIZED = (pd.DataFrame, pd.Series, pd.Index, np.ndarray, pd.api.extensions.ExtensionArray)


def remember(observation: Observation, call: Call) -> None:
    """Before a call that may change its subject: note what that was."""
    subject = call.arguments[0]
    call.note = Before(Work(observation, Observed(call, None)).of(subject), size(subject))


def given(work: Work, thing: Any, beside: tuple[Node, ...] = ()) -> list[tuple[Node, Columns]]:
    """What an argument brings in that is no constant, with the columns of its values.

    It may be a series, an array, a number, or a list of numbers or of labels.
    """
    node = work.of(thing) if type(thing) is not str else None  # most are names of columns
    if node is not None:
        return [(node, node.columns if node.kind in PLAIN else own_values(node, thing))]
    if is_number(thing):
        node = untold_value(work.observation, thing)
    elif isinstance(thing, (list, tuple)):
        parts = (part for part in thing[:_MOST_PARTS] if not isinstance(part, (list, tuple)))
        found = []
        for part in parts:
            if not is_number(part):
                found += given(work, part, beside)
            elif (node := work.of(part)) is not None:
                found.append((node, node.columns))
        if found or not thing:
            return found
        node = untold(work.observation, thing, beside)
    elif isinstance(thing, np.ndarray) and thing.size and not is_mask(thing):
        node = untold(work.observation, thing, beside)
    return [(node, ("*",))] if node is not None else []


def decisive(
    work: Work, key: Any, beside: tuple[Node, ...] = ()
) -> list[tuple[Node, Columns]] | None:
    """What a condition, rows or keys owe to; None where nobody can tell."""
    if isinstance(key, np.ndarray) or (
        isinstance(key, pd.Index) and work.observation.registry.get(key) is None
    ):
        node = work.observation.registry.get(key)
        if node is None:
            node = untold(work.observation, key, beside) if key.size else None
        return [(node, node.columns or ("*",))] if node is not None else []
    if isinstance(key, (list, tuple)) or look(key) is not None:
        return given(work, key, beside)
    return None


def value_column(node: Node) -> str:
    """The column that holds a series' own values."""
    return node.columns[-1] if node.columns else UNNAMED


def own_values(node: Node, thing: Any) -> tuple[str, ...]:
    """Columns of the values, without the index."""
    if isinstance(thing, pd.DataFrame):
        return column_labels(thing)
    if node.kind == "array" or isinstance(thing, pd.MultiIndex):
        return node.columns
    return (value_column(node),) if node.columns else ("*",)


def mask_decides(work: Work, key: Any, subject: Node | None, relation: Relation = "FILTER") -> None:
    """A mask or key that picks rows: it decides by its columns, or nobody can know by which."""
    evidence: Evidence = "observed"
    if isinstance(key, slice):
        for bound in (key.start, key.stop):
            if is_number(bound):
                mask_decides(work, bound, subject, relation)
        return
    node = work.of(key)
    if node is not None:
        # of an array that plain Python made no columns are known
        work.decides(node, own_values(node, key) or ("*",), relation, evidence)
    elif is_number(key) or (isinstance(key, (list, np.ndarray)) and not is_mask(key)):
        for by, columns in given(work, key, (subject,) if subject is not None else ()):
            work.decides(by, columns or ("*",), relation)
    elif isinstance(key, np.ndarray) and is_told(work.observation):
        for by, columns in decisive(work, key, (subject,) if subject is not None else ()) or ():
            work.decides(by, columns or ("*",), relation)
    elif subject is not None and is_mask(key):
        work.decides(subject, subject.columns, relation, "conservative")
        owe_to_enclosed(work, (key,), (), relation)


def is_told(observation: Observation) -> bool:
    """Whether the text of a statement tells what an array is that nobody knows."""
    return bool(observation.doings) and observation.variables is not None


def is_mask(key: Any) -> bool:
    """Whether a key is made of booleans."""
    if isinstance(key, (pd.Series, pd.DataFrame, np.ndarray, pd.Index)):
        kind = getattr(key, "dtype", None)
        return kind is not None and str(kind) in ("bool", "boolean", "bool[pyarrow]")
    if isinstance(key, list):
        return bool(key) and isinstance(key[0], (bool, np.bool_))
    return callable(key)


def labels_of(key: Any) -> tuple[str, ...]:
    """Column labels in an argument that takes one label or a list of them."""
    if key is None:
        return ()
    if isinstance(key, (list, pd.Index, np.ndarray)):
        return tuple(text(label) for label in key if is_label(label))
    return (text(key),) if is_label(key) else ()


def is_label(key: Any) -> bool:
    """Whether a value can name a column."""
    return isinstance(key, (str, int, float, tuple, np.generic, pd.Timestamp)) and not isinstance(
        key, bool
    )


def raw_pairs(before: Iterable[str], after: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs by position: for calls that rename columns and keep their order."""
    return tuple(zip(after, before, strict=False))


def is_places(thing: Any) -> bool:
    """Whether an index only counts rows: that is nobody's data."""
    return type(thing) is pd.RangeIndex and thing.name is None


def is_number(thing: Any) -> bool:
    """Whether a thing is a single value that may have been computed."""
    if isinstance(thing, bool):
        return False
    return isinstance(thing, (int, float, np.generic, Decimal, date, timedelta))


def is_single_value(thing: Any) -> bool:
    """Whether a thing is a number, a date or a text that may have been computed."""
    return isinstance(thing, str) or is_number(thing)


def is_written_out(observation: Observation, value: Any) -> bool:
    """Whether a value stands in the statement's own text, and so comes from nowhere else."""
    if isinstance(value, (type, np.dtype)):
        return True
    variables = observation.variables
    return variables is None or variables.text.assigns(value)
