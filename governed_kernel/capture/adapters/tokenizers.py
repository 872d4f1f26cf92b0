"""tokenizers: a tokenizer in one file, which native code opens."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_native_opening

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType | Any) -> None:
    """Observe ``Tokenizer.from_file`` and ``Tokenizer.save``."""
    observe_native_opening(
        observation,
        "tokenizers",
        (module.Tokenizer,),
        "from_file",
        via="tokenizers.Tokenizer.from_file",
        parameter="path",
    )
    observe_native_opening(
        observation,
        "tokenizers",
        (module.Tokenizer,),
        "save",
        via="tokenizers.Tokenizer.save",
        place=1,  # after the tokenizer itself
        parameter="path",
        operation="write",
    )
