"""pyreadstat: files of SPSS, SAS and Stata, which native code opens."""

from __future__ import annotations

import sys
from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.openings import observe_native_opening
from governed_kernel.lineage.events import Operation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe its readers and writers, wherever they are kept."""
    owners = (sys.modules.get(f"{name}.pyreadstat", module), module)
    for title in dir(module):
        operation: Operation = "read" if title.startswith("read_") else "write"
        if title.startswith(("read_", "write_")) and "chunk" not in title:
            observe_native_opening(
                observation,
                "pyreadstat",
                owners if hasattr(owners[0], title) else (module,),
                title,
                via=f"pyreadstat.{title}",
                place=0 if operation == "read" else 1,
                parameter="filename_path" if operation == "read" else "dst_path",
                operation=operation,
            )
