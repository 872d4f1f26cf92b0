"""pyarrow: files that native code opens, unseen by the audit hook, and what becomes of tables."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe the module of that name."""
    from governed_kernel.capture.adapters.pyarrow import files

    files.arm(observation, name, module)
    if name == "pyarrow":
        from governed_kernel.capture.adapters.pyarrow import makers, tables

        tables.arm(observation)
        makers.arm(observation)
    elif name == "pyarrow.dataset":
        from governed_kernel.capture.adapters.pyarrow import scans

        scans.arm(observation)
    elif name == "pyarrow.fs":
        from governed_kernel.capture.adapters.pyarrow import filesystems

        filesystems.arm(observation)
    elif name == "pyarrow.compute":
        from governed_kernel.capture.adapters.pyarrow import compute

        compute.arm(observation)
