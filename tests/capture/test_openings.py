"""Files that native code opens are reported by the call that opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.capture.openings import operations_of
from governed_kernel.lineage.events import Access, ObserverLost

from .recording import Recording, record

CELLS = [
    """
import h5py
with h5py.File("made.h5", "w") as file:
    file["a"] = [1, 2]
with h5py.File("made.h5", "a") as file:
    file["b"] = [1, 2]
with h5py.File(name="made.h5") as file:
    file["a"][:]
""",
    """
import io
with h5py.File(io.BytesIO(), "w") as file:
    file["a"] = 1
with h5py.File("nowhere.h5", "w", driver="core", backing_store=False) as file:
    file["a"] = 1
try:
    h5py.File("missing.h5")
except FileNotFoundError as error:
    import traceback
    assert "governed_kernel" not in traceback.format_exc()
""",
    """
import tables
with tables.open_file("table.h5", "w") as file:
    file.create_array("/", "a", [1, 2])
with tables.open_file("table.h5") as file:
    file.root.a[:]
""",
    """
import numpy as np, scipy.io
scipy.io.mmwrite("matrix.mtx", np.eye(2))
scipy.io.mmread("matrix.mtx")
""",
    """
import datasets
datasets.Dataset.from_dict({"a": [1]}).save_to_disk("saved")
datasets.load_from_disk("saved")
""",
    """
import h5py
h5py.File("forbidden/made.h5", "w")
""",
    """
import ptyprocess
child = ptyprocess.PtyProcess.spawn(["true", "--token", "tok-of-ada"])
child.wait()
""",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("opened")
    (folder / "forbidden").mkdir()
    return record(folder, CELLS, environment={"HF_HOME": str(folder / "cache")})


def test_nothing_failed_but_what_is_forbidden(recording: Recording) -> None:
    assert not [recording.texts[lost.error] for lost in recording.of(ObserverLost)]
    assert [bool(error) for error in recording.errors] == [False] * 5 + [True, False]


def test_hdf5_files_are_read_and_written_by_their_mode(recording: Recording) -> None:
    assert [found for found in recording.accesses(1) if found[1] == "made.h5"] == [
        ("write", "made.h5", "h5py.File"),
        ("read", "made.h5", "h5py.File"),
        ("write", "made.h5", "h5py.File"),
        ("read", "made.h5", "h5py.File"),
    ]
    assert [found for found in recording.accesses(3) if found[1] == "table.h5"] == [
        ("write", "table.h5", "tables.open_file"),
        ("read", "table.h5", "tables.open_file"),
    ]


def test_what_is_no_file_or_is_not_there_is_not_accessed(recording: Recording) -> None:
    found = [access for access in recording.accesses(2) if access[1] != "nowhere.h5"]
    assert found == []


def test_matrices_are_read_and_written(recording: Recording) -> None:
    assert [found for found in recording.accesses(4) if "matrix" in found[1]] == [
        ("write", "matrix.mtx", "scipy.io.mmwrite"),
        ("read", "matrix.mtx", "scipy.io.mmread"),
    ]


def test_arrow_files_that_are_mapped_are_read(recording: Recording) -> None:
    assert (
        "read",
        "saved/data-00000-of-00001.arrow",
        "datasets.load",
    ) in recording.accesses(5)


def test_policy_decides_before_native_code_opens(recording: Recording) -> None:
    (access,) = recording.of(Access, 6)
    assert access.decision == "denied"
    assert "PolicyDenied" in recording.errors[5]
    assert not Path(recording.folder, "forbidden", "made.h5").exists()


def test_a_program_in_a_terminal_is_named_without_its_secrets(recording: Recording) -> None:
    (access,) = [found for found in recording.of(Access, 7) if found.kind == "process"]
    assert access.via == "ptyprocess.spawn"
    assert recording.texts[access.detail] == "true --token …"


@pytest.mark.parametrize(
    ("mode", "operations"),
    [
        ("r", ("read",)),
        ("r+", ("read", "write")),
        ("rs", ("read",)),
        ("w", ("write",)),
        ("w-", ("write",)),
        ("x", ("write",)),
        ("a", ("read", "write")),
        (None, ("read",)),
    ],
)
def test_a_mode_says_what_is_done(mode: str | None, operations: tuple[str, ...]) -> None:
    assert operations_of(mode) == operations


def test_nothing_is_read_of_a_file_that_is_made(tmp_path: Path) -> None:
    assert operations_of("a", tmp_path / "new.h5") == ("write",)
