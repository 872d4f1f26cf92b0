"""TOML of whoever may write it: what no reader can take in is no TOML, and never a traceback."""

from __future__ import annotations

import math
import re
import tomllib
from typing import Any

__all__ = ["NotToml", "parse"]

NotToml = tomllib.TOMLDecodeError


def parse(text: str) -> dict[str, Any]:
    """What a text says.

    Raises
    ------
    NotToml
        It is none, is nested deeper or has longer numbers than Python takes in, or holds a number
        without an end: nothing can be held against it, and no canonical JSON has one.
    """

    def finite(number: str) -> float:
        value = float(number)
        if math.isfinite(value):
            return value
        sought = re.compile(rf"(?<![\w.]){re.escape(number)}")
        lines = enumerate(text.splitlines(), 1)
        where, line = next(((at, said) for at, said in lines if sought.search(said)), (1, ""))
        said = f"{number} is no number that can be meant, in {line.strip()[:80]!r}"
        raise NotToml(f"{said} (at line {where})")

    try:
        return tomllib.loads(text, parse_float=finite)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, NotToml):
            raise
        raise NotToml(str(error).partition(";")[0]) from None  # a number of thousands of digits
