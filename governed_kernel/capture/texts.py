"""Which values stand in the text of a statement, or in that of the user's code that it runs."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterable
from typing import Any

from governed_kernel.capture.functions import files_behind
from governed_kernel.capture.inside import files_under_way, written_in
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.readings import Reading
from governed_kernel.capture.untold import is_literal, is_within
from governed_kernel.capture.writing import Written

__all__ = ["Texts"]

_WRITTEN = (dict, list, tuple, set)
_SINGLE = (str, int, float)


class Texts:
    """The texts behind the statement that is executed.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    """

    def __init__(self, observation: Observation, namespace: dict[str, Any]) -> None:
        self._observation = observation
        self._namespace = namespace
        self._readings: list[Reading] = []
        self._written: Written | None = None
        self._around: dict[str, Written | None] | None = None
        """File of the user's code that the statement runs → what its text writes out."""

    def begin(self, reading: Reading) -> None:
        """A statement is about to be executed, perhaps within another one."""
        self._readings.append(reading)
        self._written = self._around = None

    def end(self) -> None:
        """It was."""
        self._readings.pop()
        self._written = self._around = None

    @property
    def statement(self) -> ast.stmt | None:
        """The notebook's statement that is executed."""
        return self._readings[-1].statement if self._readings else None

    def writes_out(self, value: Any) -> bool:
        """Whether `value` stands in the statement's own text, a list of them as a whole."""
        written = self._text()
        return written is not None and (
            written.holds(value) or self._stands_in_code(value, Written.holds)
        )

    def assigns(self, value: Any) -> bool:
        """Whether `value` stands there as what becomes a value, and no condition has chosen it."""
        written = self._text()
        if written is not None and type(value) in _SINGLE:
            is_told = is_literal(self._observation, value)
            if is_told is False or (is_told and is_within(self._observation)):
                return is_told
        return written is not None and (
            written.assigns(value) or self._stands_in_code(value, Written.assigns)
        )

    def literals(self, found_in: Callable[[str], Iterable[str]]) -> frozenset[str]:
        """What `found_in` finds in the texts of the statement, of the user's code that it runs and
        of its constants; and numbers as they are written.
        """
        texts: set[str] = set()
        things = [self._namespace.get(name) for name, _ in self._readings[-1].flow.reads]
        constants = {each for each in things if type(each) in _SINGLE}
        for written in (self._text(), *self._codes()):
            constants |= written.constants if written is not None else set()
        for each in constants:
            if isinstance(each, str):
                texts.update((each, *found_in(each)))
            elif type(each) in _SINGLE:
                texts.add(str(each).removeprefix("-"))
        return frozenset(texts)

    def _stands_in_code(self, value: Any, stands: Callable[[Written, Any], bool]) -> bool:
        """Whether a container stands as a whole in code of the user's that the statement runs."""
        if type(value) not in _WRITTEN or not value:
            return False
        return any(stands(written, value) for written in self._codes())

    def _codes(self) -> Iterable[Written]:
        """What the texts of the user's code write out that the statement runs."""
        is_user_file = self._observation.is_user_file
        around = self._around  # which ends with its statement, while a thread may go on
        if around is None:
            around = self._around = {}
            for name, _ in self._readings[-1].flow.reads if self._readings else ():
                for file in files_behind(self._namespace.get(name), is_user_file):
                    self._take_in(file, around)
        for file in files_under_way(is_user_file):
            if file not in around:
                self._take_in(file, around)
        return [written for written in around.values() if written is not None]

    def _take_in(self, file: str, around: dict[str, Written | None]) -> None:
        if file not in linecache.cache:
            self._observation.read_text(file)
        around[file] = written_in("".join(linecache.getlines(file)))

    def _text(self) -> Written | None:
        if self._written is None and self._readings:
            self._written = Written(self._readings[-1].statement)
        return self._written
