"""What the kernel of a run is given of the environment it was asked for in."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from governed_kernel.release.run_states import Plan
from governed_kernel.release.tickets import kernel_environment
from governed_kernel.workspace import Workspace

RUN = "run-20260101T000000-00000001"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "governed.toml").write_text('[workspace]\nname = "tests"\n')
    return Workspace.open(tmp_path)


def _given(workspace: Workspace) -> dict[str, str]:
    plan = Plan(
        run_id=RUN,
        kind="release",
        release="sour@1",
        digest="0" * 64,
        person="ada",
        source="",
        notebook="research/sour.ipynb",
        parameters={},
        inputs=[],
        environment="0" * 64,
        threads=2,
        timeout_seconds=60,
    )
    folder = workspace.runs / RUN
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    return kernel_environment(workspace, plan, Path("ticket.json"))


def test_nothing_of_the_persons_decides_which_code_is_loaded(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _given(workspace)
    names = (
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "LD_AUDIT",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "CUDA_HOME",
    )
    for name in (*names, "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "/planted")
    assert _given(workspace) == before
    assert not before.keys() & {*names}


def test_threads_of_a_run_leave_the_processors_to_others_while_they_wait(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert _given(workspace)["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        (None, "0"),
        ("3", "3"),
        ("2,1", "2"),
        ("GPU-8932f937,GPU-1", "GPU-8932f937"),
        ("MIG-1/2/0", "MIG-1/2/0"),
        ("", ""),
        ("-1", "-1"),
    ],
)
def test_a_run_sees_one_gpu(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, named: str | None, seen: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    found = _given(workspace)
    assert found["CUDA_VISIBLE_DEVICES"] == seen
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
