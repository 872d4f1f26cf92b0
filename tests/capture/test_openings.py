"""Files that native code opens are reported by the call that opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.capture.openings import operations_of
from governed_kernel.lineage.events import Access, ObserverLost, Transformation

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
    """
import netCDF4, traceback
with netCDF4.Dataset("made.nc", "w") as data:
    data.createDimension("t", None)
    data.createVariable("a", "f8", ("t",))[:] = [1, 2]
class Mine(netCDF4.Dataset):
    pass
with Mine("made.nc") as data:
    assert isinstance(data, netCDF4.Dataset) and type(data) is Mine
    assert list(data["a"][:]) == [1, 2]
with netCDF4.Dataset(filename="made.nc", mode="a") as data:
    assert type(data) is netCDF4.Dataset
try:
    netCDF4.Dataset("missing.nc")
except FileNotFoundError:
    assert "governed_kernel" not in traceback.format_exc()
""",
    """
import inspect, pyarrow as pa, pyarrow.csv
with pa.OSFile("made.bin", mode="w") as file:
    file.write(b"a,b\\n1,2\\n")
    assert isinstance(file, pa.OSFile) and isinstance(file, pa.NativeFile)
class Own(pa.OSFile):
    pass
assert inspect.isclass(pa.OSFile) and issubclass(pa.OSFile, pa.NativeFile)
assert issubclass(Own, pa.OSFile)
table = pyarrow.csv.read_csv("made.bin")
assert table.column_names == ["a", "b"] and pyarrow.csv.read_csv.__name__ == "read_csv"
pyarrow.csv.write_csv(table, "made.csv")
pa.memory_map("made.bin").close()
try:
    pyarrow.csv.read_csv("missing.csv")
except FileNotFoundError:
    assert "governed_kernel" not in traceback.format_exc()
""",
    """
import io, lxml.etree
open("made.xml", "w").write("<a/>")
assert lxml.etree.parse("made.xml").getroot().tag == "a"
assert lxml.etree.parse(io.BytesIO(b"<b/>")).getroot().tag == "b"
try:
    lxml.etree.parse("missing.xml")
except OSError:
    assert "governed_kernel" not in traceback.format_exc()
""",
    """
import pandas as pd, pyreadstat
pyreadstat.write_sav(pd.DataFrame({"a": [1.0]}), "made.sav")
frame, about = pyreadstat.read_sav("made.sav")
assert about.column_names == ["a"]
""",
    """
import tokenizers
made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
made.save("made.json")
assert tokenizers.Tokenizer.from_file("made.json").get_vocab() == {"a": 0}
assert made.from_file("made.json").get_vocab() == {"a": 0}
""",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("opened")
    (folder / "forbidden").mkdir()
    return record(folder, CELLS, environment={"HF_HOME": str(folder / "cache")})


def test_nothing_failed_but_what_is_forbidden(recording: Recording) -> None:
    assert not [recording.texts[lost.error] for lost in recording.of(ObserverLost)]
    assert [bool(error) for error in recording.errors] == [False] * 5 + [True] + [False] * 6


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
    # What the cell before has left to be cleared away may be cleared away now.
    (access,) = [found for found in recording.of(Access, 6) if "forbidden" in found.uri]
    assert access.decision == "denied"
    assert "PolicyDenied" in recording.errors[5]
    assert not Path(recording.folder, "forbidden", "made.h5").exists()


def test_a_program_in_a_terminal_is_named_without_its_secrets(recording: Recording) -> None:
    (access,) = [found for found in recording.of(Access, 7) if found.kind == "process"]
    assert access.via == "ptyprocess.spawn"
    assert recording.texts[access.detail] == "true --token …"


def _of(recording: Recording, execution: int) -> list[tuple[str, str, str]]:
    """What was done to the files that the cells made."""
    return [found for found in recording.accesses(execution) if found[1].startswith("made.")]


def test_native_classes_stay_what_they_are_and_tell_what_they_open(recording: Recording) -> None:
    via = "netCDF4.Dataset"
    assert _of(recording, 8) == [
        ("write", "made.nc", via),
        ("read", "made.nc", via),
        ("read", "made.nc", via),
        ("write", "made.nc", via),
    ]


def test_arrow_tells_what_its_native_functions_open(recording: Recording) -> None:
    assert _of(recording, 9) == [
        ("write", "made.bin", "pyarrow.OSFile"),
        ("read", "made.bin", "pyarrow.csv.read_csv"),
        ("write", "made.csv", "pyarrow.csv.write_csv"),
        ("read", "made.bin", "pyarrow.memory_map"),
    ]


def test_a_table_that_is_read_and_written_is_followed(recording: Recording) -> None:
    steps = [step for step in recording.of(Transformation, 9) if step.library == "pyarrow"]
    assert [step.operation for step in steps] == ["pyarrow.csv.read_csv", "pyarrow.csv.write_csv"]
    assert steps[0].outputs[0].entity == steps[1].inputs[0].entity


def test_documents_tables_of_other_programs_and_tokenizers_are_told(recording: Recording) -> None:
    assert _of(recording, 10)[-1] == ("read", "made.xml", "lxml.etree.parse")
    assert _of(recording, 11) == [
        ("write", "made.sav", "pyreadstat.write_sav"),
        ("read", "made.sav", "pyreadstat.read_sav"),
    ]
    assert _of(recording, 12) == [
        ("write", "made.json", "tokenizers.Tokenizer.save"),
        ("read", "made.json", "tokenizers.Tokenizer.from_file"),
        ("read", "made.json", "tokenizers.Tokenizer.from_file"),
    ]


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
