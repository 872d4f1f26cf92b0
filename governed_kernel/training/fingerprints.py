"""The platform's fingerprint: everything outside the code that can change the bits of a result."""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from governed_kernel.canonical import canonical_json, digest_json

__all__ = ["fingerprint", "main"]

_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
)
_VECTOR_FLAGS = ("avx", "fma", "amx", "sve")
_DISTRIBUTIONS = ("numpy", "torch", "transformers", "peft", "safetensors", "tokenizers")


def fingerprint() -> dict[str, Any]:
    """Facts about this machine and process that results may depend on, as plain JSON.

    It works without torch (its part is then ``None``) and does not start CUDA: GPU facts come
    from the driver's own ``nvidia-smi``.

    Returns
    -------
    dict
        ``system``, ``cpu``, ``python``, ``torch``, ``gpu``, ``libraries``, ``variables``, and
        ``sha256``, the digest of all the others.
    """
    facts: dict[str, Any] = {
        "system": {
            "system": platform.system(),
            "release": platform.release(),
            "libc": " ".join(platform.libc_ver()).strip(),
        },
        "cpu": _cpu(Path("/proc/cpuinfo")),
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "hash_randomization": bool(sys.flags.hash_randomization),
        },
        "torch": _torch(),
        "gpu": _gpus(),
        "libraries": {name: found for name in _DISTRIBUTIONS if (found := _version(name))},
        "variables": {name: os.environ.get(name, "") for name in _VARIABLES},
    }
    return {**facts, "sha256": digest_json(facts)}


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu(information: Path) -> dict[str, Any]:
    """Model and instruction set: kernels chosen for another one round in another order."""
    fields: dict[str, str] = {}
    try:
        for line in information.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        fields = {}
    flags = sorted((fields.get("flags") or fields.get("Features") or "").split())
    return {
        "machine": platform.machine(),
        "model": fields.get("model name") or platform.processor(),
        "vendor": fields.get("vendor_id", ""),
        "cores": os.cpu_count() or 0,
        "instruction_sets": [flag for flag in flags if flag.startswith(_VECTOR_FLAGS)],
        "flags_sha256": digest_json(flags) if flags else "",
    }


def _torch() -> dict[str, Any] | None:
    if not _version("torch"):
        return None
    torch: Any = importlib.import_module("torch")
    built = torch.__config__.show()
    return {
        "version": str(torch.__version__),
        "git": torch.version.git_version or "",
        "cuda": torch.version.cuda or "",
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "cudnn": torch.backends.cudnn.version() or 0 if torch.version.cuda else 0,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "blas": "mkl" if torch.backends.mkl.is_available() else "other",
        "build_sha256": digest_json(built),
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
    }


def _gpus() -> list[dict[str, str]]:
    program = shutil.which("nvidia-smi")
    if not program:
        return []
    fields = ("name", "driver_version", "compute_cap", "memory.total")
    try:
        answer = subprocess.run(
            [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [
        dict(zip(fields, (value.strip() for value in row), strict=False))
        for row in csv.reader(answer.stdout.splitlines())
        if row
    ]


def main() -> None:
    """Write the fingerprint of this process to standard output, as JSON."""
    sys.stdout.buffer.write(canonical_json(fingerprint()))


if __name__ == "__main__":
    # For a process that must not import torch itself: it starts this one and reads the facts.
    main()
