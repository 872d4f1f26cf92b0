from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.canonical import canonical_json, digest_json
from governed_kernel.training import fingerprint


def test_it_names_processor_instruction_set_and_torch_build() -> None:
    import torch

    found = fingerprint()
    assert canonical_json(found)
    assert found["cpu"]["machine"]
    assert found["torch"]["version"] == str(torch.__version__)
    assert found["torch"]["threads"] == torch.get_num_threads()
    assert found["sha256"] == digest_json({k: v for k, v in found.items() if k != "sha256"})


def test_it_changes_with_a_variable_that_changes_results(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setenv("PYTHONHASHSEED", "12345")
    assert fingerprint()["sha256"] != before["sha256"]


def test_it_works_where_torch_is_not_installed(tmp_path: Path) -> None:
    # Only this package and its light dependencies are on the path: a real absence.
    import msgspec
    import platformdirs
    import rfc8785

    import governed_kernel

    for package in (governed_kernel, msgspec, platformdirs, rfc8785):
        folder = Path(package.__file__ or "").parent
        (tmp_path / folder.name).symlink_to(folder)
    code = (
        "import json; from governed_kernel import training; "
        "print(json.dumps(training.fingerprint()))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["torch"] is None


def test_it_reads_the_gpu_from_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 570.1, 9.0, 81559 MiB'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert fingerprint()["gpu"] == [
        {
            "name": "NVIDIA H100 80GB HBM3",
            "driver_version": "570.1",
            "compute_cap": "9.0",
            "memory.total": "81559 MiB",
        }
    ]
