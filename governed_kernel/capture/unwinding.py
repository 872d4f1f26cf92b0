"""Let an exception leave an observed function where it was raised, as it leaves any other.

A frame that an exception has passed stands at the last instruction that it ran. With a handler
around its body that is the handler's ``raise``, and whoever asks the frame of a traceback for its
line (IPython does, of files as long as pandas' ``frame.py``) is shown the function's last one.
CPython has an answer to this, which the compiler gives to ``with`` alone: where the table of
handlers says so, the place of the instruction that raised is put on the stack (*lasti*), and
``RERAISE`` leads the frame back there. This asks for the same around a handler that ends in
``raise``.

Source of the format: ``Objects/exception_handling_notes.txt`` of CPython 3.11 and later.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

__all__ = ["leave_where_raised"]

_WORD = 2
"""Bytes of an instruction; the table counts in instructions."""
_CLEANUP = (("COPY", 3), ("POP_EXCEPT", None), ("RERAISE", 1))
"""How the compiler ends a handler: it puts back which exception was handled before, and goes on."""
_BELOW = 3
"""So many things lie on the stack, when a handler has failed, from its own *lasti* to the top."""


class _Handler(NamedTuple):
    """A line of the table; lengths and places are instructions."""

    start: int
    length: int
    target: int
    depth: int
    """So many things stay on the stack."""
    lasti: bool
    """Whether the place of the instruction that raised is put upon them."""


def leave_where_raised(code: types.CodeType, marker: str) -> types.CodeType:
    """The same program, but for where a frame stands that an exception has passed.

    Parameters
    ----------
    code : code
        A function whose whole body lies in one ``try``, with a bare ``except`` that ends in
        ``raise``.
    marker : str
        A constant that nothing but this handler uses.

    Returns
    -------
    code
        `code` itself where there is no such handler, or it is compiled in another way than known.
    """
    found = _raising(code, marker)
    if found is None:
        return code
    marked, cleanup = found
    table = list(_read(code.co_exceptiontable))
    handler = max((each.target for each in table if each.target <= marked), default=-1)
    body = [each for each in table if each.target == handler]
    own = [each for each in table if each.target == cleanup]
    if not body or any(each.depth or each.lasti for each in body):
        return code
    if [(each.start, each.depth, each.lasti) for each in own] != [(handler, 1, True)]:
        return code
    changed = (
        each._replace(lasti=True)
        if each in body
        else each._replace(depth=each.depth + 1)
        if each in own
        else each
        for each in table
    )
    program = bytearray(code.co_code)
    program[(cleanup + len(_CLEANUP) - 1) * _WORD + 1] = _BELOW
    return code.replace(
        co_code=bytes(program),
        co_exceptiontable=b"".join(map(_written, changed)),
        co_stacksize=code.co_stacksize + 1,
    )


def _raising(code: types.CodeType, marker: str) -> tuple[int, int] | None:
    """Where a handler with `marker` in it is, and where what it does when it raises begins."""
    if marker not in code.co_consts:
        return None
    instructions = iter(dis.get_instructions(code))
    for marked in instructions:
        if marked.argval == marker and type(marked.argval) is str:
            break
    else:
        return None
    for raising in instructions:
        if raising.opname == "RAISE_VARARGS":
            break
    else:
        return None
    ending = list(islice(instructions, len(_CLEANUP)))
    if raising.arg or tuple((each.opname, each.arg) for each in ending) != _CLEANUP:
        return None
    return marked.offset // _WORD, ending[0].offset // _WORD


def _read(table: bytes) -> Iterator[_Handler]:
    """The lines of a table: numbers of six bits a byte, the high ones first."""
    numbers: list[int] = []
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if byte & 64:  # it goes on
            continue
        numbers.append(number)
        number = 0
        if len(numbers) == 4:
            start, length, target, last = numbers
            yield _Handler(start, length, target, last >> 1, bool(last & 1))
            numbers = []


def _written(handler: _Handler) -> bytes:
    *places, depth, lasti = handler
    written = bytearray(b"".join(map(_number, (*places, depth << 1 | lasti))))
    written[0] |= 128  # here a line begins
    return bytes(written)


def _number(number: int) -> bytes:
    parts = [number & 63]
    while number := number >> 6:
        parts.append(number & 63 | 64)
    return bytes(reversed(parts))
