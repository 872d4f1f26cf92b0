from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.training import determinism, seed_everything


def run_fresh(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, because seeding concerns a whole process."""
    kept = {k: v for k, v in os.environ.items() if k not in ("GOVERNED_TICKET", "OMP_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, **environment},
        check=False,
    )


DRAW = """
import json, random
import numpy, torch
from governed_kernel import training
def draw(seed):
    record = training.seed_everything(seed)
    return record.threads, [random.random(), numpy.random.rand(), torch.rand(1).item()]
draws = [draw(7), draw(8), draw(7)]
print(json.dumps([draws, [
    torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark,
    torch.backends.cuda.matmul.allow_tf32, __import__("os").environ["CUBLAS_WORKSPACE_CONFIG"],
]]))
"""


def test_one_seed_gives_one_sequence_in_every_library_and_every_process(tmp_path: Path) -> None:
    ticket = tmp_path / "ticket.json"
    ticket.write_text(
        '{"run_id": "r", "release": "x@1", "kind": "release", "output": "/x", "threads": 2}'
    )
    research = run_fresh(DRAW, OMP_NUM_THREADS="1")
    release = run_fresh(DRAW, OMP_NUM_THREADS="1", GOVERNED_TICKET=str(ticket))
    assert research.returncode == 0, research.stderr
    draws, settings = json.loads(research.stdout)
    (threads, seven), (_, eight), (_, seven_again) = draws
    assert seven == seven_again
    assert all(a != b for a, b in zip(seven, eight, strict=True))
    assert settings == [True, False, False, ":4096:8"]
    assert threads == 1
    # The ticket of a run decides the thread count; the draws are the same.
    assert json.loads(release.stdout)[0][0] == [2, seven]


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "7"])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(UsageError, match="is no seed"):
        seed_everything(seed)  # type: ignore[arg-type]


LATE = """
import torch
from transformers import AutoModel, AutoModelForSequenceClassification
from governed_kernel import training
{before}
training.seed_everything(7)
"""


def test_seeding_after_a_head_was_initialised_is_refused(tiny_base_model: Path) -> None:
    before = f"model = AutoModelForSequenceClassification.from_pretrained({str(tiny_base_model)!r})"
    done = run_fresh(LATE.format(before=before))
    assert done.returncode != 0
    assert "was created before the seed was set" in done.stderr


def test_seeding_after_a_whole_base_model_and_again_after_a_seeded_head_is_fine(
    tiny_base_model: Path,
) -> None:
    before = f"""
base = AutoModel.from_pretrained({str(tiny_base_model)!r})
training.seed_everything(6)
model = AutoModelForSequenceClassification.from_pretrained({str(tiny_base_model)!r})
"""
    done = run_fresh(LATE.format(before=before))
    assert done.returncode == 0, done.stderr


def test_a_gpu_that_does_not_start_is_refused_and_not_replaced_by_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("NOT RUN: the GPU of this machine does start")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(determinism, "_GPUS", tmp_path)
    assert determinism.device().type == "cpu"
    (tmp_path / "0000:01:00.0").mkdir()
    with pytest.raises(ResourceMissing, match="can't be used"):
        determinism.device()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert determinism.device().type == "cpu"
