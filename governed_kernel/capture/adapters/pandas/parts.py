"""``for key, part in frame.groupby(…)``: the rows of one group, as they are.

pandas makes the parts one by one, after the call that asked for them, so each is met where it is
cut off. What cuts is made anew for each loop and leads to the groups that the loop goes through.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

from pandas.core.groupby import ops

from governed_kernel.capture import native
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, Registry
from governed_kernel.capture.rewriting import Hooks, NotRewritable, outermost_function, rewrite

__all__ = ["Parts"]


class Parts:
    """The groups that loops go through, and their parts as they are made."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._known = Registry()
        """Groupers and splitters (pandas' words) of which a loop was seen to begin."""
        registry = observation.registry
        self._watch("BaseGrouper", "_get_splitter", self._known)
        for splitter in ("FrameSplitter", "SeriesSplitter"):
            self._watch(splitter, "_chop", registry)
        self._cut_by_time()

    def begin(self, groups: Any, node: Node) -> None:
        """Let the parts of these groups be `node`."""
        self._known.put(groups._grouper, node)

    def _cut_by_time(self) -> None:
        """Of buckets of time the parts are cut off one by one by the iterator itself."""
        known, registry = self._known, self._observation.registry
        buckets = vars(ops).get("BinGrouper", object)
        function = vars(buckets).get("get_iterator")
        if not isinstance(function, types.FunctionType):
            return

        @functools.wraps(function)
        def get_iterator(grouper: Any, data: Any) -> Iterator[Any]:
            for key, part in function(grouper, data):
                if (node := known.get(grouper)) is not None:
                    registry.put(part, node)
                yield key, part

        native.put(buckets, "get_iterator", get_iterator)

    def _watch(self, owner: str, name: str, told: Registry) -> None:
        """Tell `told` that what a method of something known makes is the same."""
        known = self._known

        def enter(values: tuple[Any, ...]) -> Node | None:
            return known.get(values[0])

        def leave(node: Node | None, made: Any) -> Any:
            if node is not None:
                told.put(made, node)
            return made

        try:
            function = outermost_function(vars(ops)[owner], name)
            if function is not None:
                rewrite(function, Hooks(enter, leave, lambda _: None))
        except (KeyError, NotRewritable) as error:
            self._observation.lost(f"pandas.{name}", error)
