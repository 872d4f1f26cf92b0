"""The ticket of a run: what its kernel is given, and all that it is given.

The worker writes it before it starts the kernel; provisioner, confinement, `data.load` and
`training` read it. The environment is made from nothing, so no secret of the person leaks in.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governed_kernel.canonical import canonical_json
from governed_kernel.files import write_atomically
from governed_kernel.release.manifest import Input
from governed_kernel.release.run_states import Plan, run_folder
from governed_kernel.workspace import Workspace

__all__ = ["kernel_environment", "stage_inputs", "write_ticket"]

_PASSED_ON = ("PATH", "VIRTUAL_ENV")
"""Of the person's own environment. Nothing in it may decide which libraries are loaded: these are
in the environment lock, or found by the system's own list (`ldconfig`)."""


def write_ticket(workspace: Workspace, plan: Plan, snapshots: Mapping[str, Path]) -> Path:
    """Write ``ticket.json`` of a run and make the folders that it names; returns its path.

    Parameters
    ----------
    snapshots : mapping
        Where each input lies, as `admission.check_inputs` verified it.
    """
    folder = run_folder(workspace, plan.run_id)
    for name in ("output", "tmp", "kernel"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "ticket.json"
    inputs = {item.name: _granted(item, snapshots[item.name]) for item in plan.inputs}
    readable = [folder / "work", path, *(Path(item["path"]) for item in inputs.values())]
    subject: dict[str, str] = {}
    if plan.subject is not None:
        readable.append(Path(plan.subject.adapter))
        subject = {
            "run_id": plan.subject.run_id,
            "adapter": plan.subject.adapter,
            "suite": str(folder / "work" / plan.subject.suite),
        }
    ticket: dict[str, Any] = {
        "run_id": plan.run_id,
        "release": plan.release,
        "kind": plan.kind,
        "nonce": secrets.token_hex(16),
        "notebook": plan.notebook,
        "read": [str(item) for item in readable],
        "write": [str(folder / name) for name in ("output", "tmp", "kernel")],
        "inputs": inputs,
        "output": str(folder / "output"),
        "threads": plan.threads,
        "pid": os.getpid(),
    }
    if subject:
        ticket["subject"] = subject
    write_atomically(path, canonical_json(ticket), mode=0o444)
    return path


def _granted(item: Input, snapshot: Path) -> dict[str, Any]:
    return {
        "dataset": item.dataset,
        "version": item.version,
        "kind": item.kind,
        "path": str(snapshot),
        "sha256": item.sha256,
        "data_class": item.data_class,
        "purposes": item.purposes,
    }


def stage_inputs(workspace: Workspace, plan: Plan, snapshots: Mapping[str, Path]) -> None:
    """Put inputs that the notebook opens by a path of its own where it looks for them."""
    work = run_folder(workspace, plan.run_id) / "work"
    for item in plan.inputs:
        for relative in item.paths:
            source, target = snapshots[item.name], work / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, target)


def kernel_environment(workspace: Workspace, plan: Plan, ticket: Path) -> dict[str, str]:
    """The kernel's whole environment: fixed seeds of hashing, threads, no hub, own folders."""
    folder = run_folder(workspace, plan.run_id)
    temporary = str(folder / "tmp")
    threads = str(plan.threads)
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **_one_gpu(),
        "HOME": temporary,
        "TMPDIR": temporary,
        "XDG_CACHE_HOME": temporary,
        "HF_HOME": f"{temporary}/huggingface",
        "MPLCONFIGDIR": temporary,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": f"{temporary}/ipython",
        "JUPYTER_RUNTIME_DIR": str(folder / "kernel"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        # Threads that wait for one another turn in a loop otherwise, and take the processors from a
        # second run: two that trained at once took twice as long as one after the other.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "GOVERNED_RUN": plan.run_id,
        "GOVERNED_TICKET": str(ticket),
        "GOVERNED_WORKSPACE": str(workspace.root),
    }


def _one_gpu() -> dict[str, str]:
    """The GPU of the run: the first, or the first that the person's environment names.

    With several in sight transformers' ``Trainer`` divides each batch among them, and a release
    would compute something else on another machine. A run talks to no server that shares a GPU
    (MPS): that one is outside, and another's work would go through it.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    return {
        "CUDA_VISIBLE_DEVICES": named.split(",")[0].strip(),
        "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        "CUDA_MPS_PIPE_DIRECTORY": "/nonexistent",
    }
