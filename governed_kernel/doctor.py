"""What this machine can and can't do for governed notebooks, each with what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from jupyter_client.kernelspec import KernelSpecManager

from governed_kernel.errors import GovernedError
from governed_kernel.governance.register import Register
from governed_kernel.lineage.store import Store
from governed_kernel.recorder import landlock, shared_memory
from governed_kernel.workspace import Workspace, personal_folder

__all__ = ["Finding", "examine"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    subject: str
    state: Literal["ok", "limited", "missing"]
    found: str
    next: str = ""


def examine() -> list[Finding]:
    """Look at Python, kernels, witness, confinement, libraries, GPU, disk and workspace."""
    return [*_software(), *_machine(), *_workspace()]


def _software() -> Iterator[Finding]:
    version = platform.python_version()
    enough = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if enough else "missing", version, "use Python 3.11 or newer")
    specs = KernelSpecManager().find_kernel_specs()
    for name in ("governed-research", "governed-release"):
        yield Finding(
            f"kernel {name}",
            "ok" if name in specs else "missing",
            specs.get(name, "not installed"),
            "" if name in specs else "install governed-notebooks into this environment again",
        )
    for name, extra in (("torch", "train"), ("transformers", "train"), ("peft", "train")):
        yield _library(name, extra)
    yield _library("jupyterlab", "lab")


def _library(name: str, extra: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        hint = f"pip install 'governed-notebooks[{extra}]'"
        return Finding(name, "limited", "not installed", hint)


def _machine() -> Iterator[Finding]:
    abi = landlock.version()
    yield Finding(
        "confinement (Landlock)",
        "ok" if abi >= 6 else "limited",
        f"ABI {abi}" if abi else "not available",
        "" if abi >= 6 else "release runs need Linux 6.12 or newer; research works without",
    )
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    known = platform.machine() == "x86_64"
    can = known and actions.exists() and "user_notif" in actions.read_text().split()
    yield Finding(
        "witness (seccomp)",
        "ok" if can else "limited",
        f"{platform.system()} {platform.release()} on {platform.machine()}",
        "" if can else "sessions are recorded by observers alone, and say so",
    )
    why = shared_memory.obstacle()
    yield Finding(
        "shared memory of a run's own",
        "limited" if why else "ok",
        why or shared_memory.FOLDER,
        f"release runs go without (no multiprocessing): {shared_memory.REMEDY}" if why else "",
    )
    yield from _gpu()
    free = shutil.disk_usage(Path.cwd()).free // (1 << 30)
    yield Finding("disk", "ok" if free >= 2 else "limited", f"{free} GB free here")
    home = personal_folder()
    mode = home.stat().st_mode & 0o077 if home.exists() else 0
    yield Finding(
        "private keys",
        "limited" if mode else "ok",
        str(home) + ("" if home.exists() else " (not made yet)"),
        f"chmod 700 {home}" if mode else "",
    )


def _gpu() -> Iterator[Finding]:
    program = shutil.which("nvidia-smi")
    ready = program is None or Path("/dev/nvidia-uvm").exists() or Path("/dev/dxg").exists()
    yield Finding(
        "GPU",
        "ok" if program and ready else "limited",
        (program or "none; runs use the CPU") + ("" if ready else ", but no /dev/nvidia-uvm"),
        "" if ready else "as root, after each start: nvidia-modprobe -u -c=0 (a run can't do it)",
    )
    if folders := os.environ.get("LD_LIBRARY_PATH"):
        yield Finding(
            "LD_LIBRARY_PATH",
            "limited",
            f"{folders}; a release run does without: these libraries are in no environment lock",
            "if torch does not find its GPU there, add the driver's folder to /etc/ld.so.conf.d "
            "and run ldconfig",
        )


def _workspace() -> Iterator[Finding]:
    try:
        workspace = Workspace.find()
        register = Register.read(workspace)
        register.check_policy(workspace.settings)
    except GovernedError as error:
        yield Finding("workspace", "limited", f"{error.what}: {error.why}", error.next)
        return
    if workspace.keeps_lake:
        yield _lake(workspace)
    found = f"{workspace.root}, {len(register.people)} people, {len(register.events)} records"
    yield Finding("workspace", "ok", found)


def _lake(workspace: Workspace) -> Finding:
    """Whether the lake that the settings name can be read."""
    store = Store(workspace)
    try:
        known = store.exists()
    except GovernedError as error:
        return Finding("lineage store", "missing", f"{error.what}: {error.why}", error.next)
    said = "" if known else "; nothing of this workspace is in it yet"
    return Finding("lineage store", "ok", store.location + said)
