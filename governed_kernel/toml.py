"""TOML of whoever may write it: what no reader can take in is no TOML, and never a traceback."""

from __future__ import annotations

import tomllib
from typing import Any

__all__ = ["NotToml", "parse"]

NotToml = tomllib.TOMLDecodeError


def parse(text: str) -> dict[str, Any]:
    """What a text says.

    Raises
    ------
    NotToml
        It is none, or is nested deeper or has longer numbers than Python takes in.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, NotToml):
            raise
        raise NotToml(str(error).partition(";")[0]) from None  # a number of thousands of digits
