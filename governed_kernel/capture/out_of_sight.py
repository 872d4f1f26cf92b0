"""What the user's code binds where no statement of the notebook says so.

A function's ``global``, a closure's ``nonlocal`` and an object's attribute get a single value while
a statement is executed that names none of them: it owes to what that statement did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from governed_kernel.capture.bringing import MISSING
from governed_kernel.capture.completing import Before, Completion
from governed_kernel.capture.functions import files_behind
from governed_kernel.capture.kept import Kept, Place
from governed_kernel.capture.leftovers import Source, Sources
from governed_kernel.capture.looks import kind_of
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.owing import Output
from governed_kernel.capture.rebound import Rebound, Seen
from governed_kernel.capture.registry import Node
from governed_kernel.capture.writing import Written

__all__ = ["OutOfSight"]


class OutOfSight:
    """Follows the single values that code of one notebook binds out of its statements' sight.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    rebound : Rebound
        Watches global names.
    kept : Kept
        Knows what functions and objects keep.
    completion : Completion
    """

    def __init__(
        self,
        observation: Observation,
        namespace: dict[str, Any],
        rebound: Rebound,
        kept: Kept,
        completion: Completion,
    ) -> None:
        self._observation = observation
        self._namespace = namespace
        self._rebound = rebound
        self._kept = kept
        self._completion = completion

    def before(self, names: Iterable[str]) -> dict[tuple[int, str], Any]:
        """What functions and objects keep, before a statement that mentions these names."""
        return {each.key: each.value for each in self._places(names)}

    def nodes(self, names: Iterable[str], value: Any) -> list[Node | None]:
        """What is known of a value where functions or objects of these names keep it."""
        return [self._kept.node(each) for each in self._places(names) if each.value is value]

    def are_constants(self, names: Iterable[str], value: Any) -> bool:
        """Whether functions or objects of these names keep a value, and only as a constant."""
        places = [each for each in self._places(names) if each.value is value]
        return bool(places) and all(map(self._kept.is_constant, places))

    def follow(
        self,
        seen: Seen,
        doings: Doings,
        before: Before,
        known_doings: tuple[Sources, frozenset[str]],
        outputs: list[Output],
    ) -> None:
        """Let what was bound owe to what the statement did that has ended."""
        scalars, computed = self._observation.scalars, bool(doings.works or doings.read)
        for namespace, name in self._rebound.changed(
            seen, before.reading.statement, self._namespace, computed=computed
        ):
            if namespace is self._namespace and name in before.flow.writes:
                continue
            if scalars.bind(namespace, name):
                continue
            direct, is_written = self._owed(namespace[name], before, known_doings)
            if not direct and not is_written and self._completion.is_unknown(before):
                direct = self._completion.unknown()
            if direct:
                node = Node(self._observation.new_entity(), kind_of(namespace[name]), ())
                scalars.put_named(namespace, name, namespace[name], node)
                outputs.append((node, name, direct, {}, ("*",)))
        if not (computed or any(before.sources.values())):
            return
        for place in self._places((*before.flow.writes, *_names(before))):
            if before.kept.get(place.key, MISSING) is place.value:
                continue
            direct, _ = self._owed(place.value, before, known_doings)
            kept = Node(self._observation.new_entity(), "value", ()) if direct else None
            self._kept.put(place, kept)
            if kept is not None:
                outputs.append((kept, place.name, direct, {}, ("*",)))

    def _places(self, names: Iterable[str]) -> Iterator[Place]:
        """Where functions and objects that names stand for keep single values."""
        return self._kept.places(self._namespace.get(name) for name in set(names))

    def _owed(
        self, value: Any, before: Before, doings: tuple[Sources, frozenset[str]]
    ) -> tuple[Sources, bool]:
        """What a value owes to that was bound out of sight, and whether it was written out.

        A number that equals what calls have given is taken for that.
        """
        made, used = doings
        if equal := self._observation.scalars.equals(value):
            return {each.entity: Source(each, each.columns or ("*",)) for each in equal}, False
        if self._is_written_near(before, value):
            return {}, True
        read = before.gather(before.flow.reads)
        return {entity: each for entity, each in read.items() if entity not in used} | made, False

    def _is_written_near(self, before: Before, value: Any) -> bool:
        """Whether a value stands in a statement's text or in that of a function it mentions."""
        is_user_file = self._observation.is_user_file
        return Written(before.reading.statement).gives(value) or any(
            self._rebound.gives(file, value)
            for name, _ in before.flow.reads
            for file in files_behind(self._namespace.get(name), is_user_file)
        )


def _names(before: Before) -> Iterator[str]:
    return (reference.name for reference in before.reading.mentioned)
