"""What a run left, as it goes on record."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from governed_kernel.errors import RunFailed
from governed_kernel.governance import envelopes
from governed_kernel.lineage.events import Artifact
from governed_kernel.release import outputs
from governed_kernel.release.outputs import collect, excess

WEIGHTS = save({"scale": np.ones(3)})


def test_files_in_folders_are_artifacts(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights.safetensors").write_bytes(WEIGHTS)
    (found,) = collect(tmp_path)
    assert (found.name, found.kind) == ("adapter/weights.safetensors", "weights")
    assert found.bytes == len(WEIGHTS)


@pytest.mark.parametrize(
    "content",
    [b"", WEIGHTS[:-1], WEIGHTS + b"x", struct.pack("<Q", 400_000) + b'{"":' + b"[" * 399_996],
    ids=["empty", "cut off", "more than said", "nested"],
)
@pytest.mark.parametrize("name", ["other.safetensors", "OTHER.SafeTensors"])
def test_damaged_weights_are_refused_when_a_run_ends_and_not_when_it_is_audited(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunFailed, match="no well-formed safetensors file") as refused:
        collect(tmp_path)
    assert refused.value.why
    assert refused.value.next


def test_what_is_no_file_is_no_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunFailed, match="no file: pipe"):
        collect(tmp_path)


@pytest.mark.parametrize("name", [b"\xff.txt", b"two\nlines", b"\x1b[2Jclear"])
def test_a_name_that_no_record_can_hold_is_refused(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(RunFailed, match="no printable text"):
        collect(tmp_path)


def test_more_files_than_one_statement_lists_are_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_MOST_FILES", 20)
    for number in range(20):
        (tmp_path / f"{number}.csv").touch()
    assert len(collect(tmp_path)) == 20
    (tmp_path / "one-more.pkl").touch()
    with pytest.raises(RunFailed, match="left more than can be released") as refused:
        collect(tmp_path)
    assert refused.value.why == "it left 21 files and folders, and 20 go on record"
    assert "one archive" in refused.value.next


def test_names_that_are_too_long_together_are_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("ä" * 100) / ("b" * 200)
    deep.mkdir(parents=True)
    for number in range(600):
        (deep / f"{number:0200}").touch()
    assert "the names of its files have" in excess(tmp_path)


def test_as_much_as_goes_on_record_fits_one_signed_statement() -> None:
    """The worst case: letters that a URI writes in nine, for each artifact name and address."""
    name = "\N{EURO SIGN}" * (outputs._LONGEST_NAMES // outputs._MOST_FILES // 3)
    uri = (Path("/srv/workspaces/breast-clinic/.governed/runs/run-1/output") / name).as_uri()
    artifact = Artifact(name, uri, "0" * 64, 1 << 40, "weights")
    written = msgspec.json.encode([artifact] * outputs._MOST_FILES)
    assert len(written) * 4 / 3 < envelopes.LARGEST * 0.9


def test_a_file_of_nothing_but_holes_is_refused_and_not_hashed_for_hours(tmp_path: Path) -> None:
    with (tmp_path / "store.bin").open("wb") as file:
        file.write(b"x" * 10_000)
        file.truncate(200 << 30)
    assert "'store.bin' is said to hold 214,748,364,800 bytes" in excess(tmp_path)
    with pytest.raises(RunFailed, match="left more than can be released"):
        collect(tmp_path)
    with (tmp_path / "store.bin").open("r+b") as file:
        file.truncate(1 << 20)  # as libraries that make room before they write leave it
    assert excess(tmp_path) == ""


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder for what Python's own `shutil.rmtree`, which pytest calls, is too shallow for."""
    folder = tmp_path / "deep"
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def test_folders_in_folders_are_counted_to_the_last(deep: Path) -> None:
    inner = deep
    for _ in range(1_200):
        inner = inner / "a"
        inner.mkdir()
    assert "the names of its files have 1,440,000 bytes" in excess(deep)


def test_what_lies_too_deep_to_be_looked_at_is_refused(deep: Path) -> None:
    folder = os.open(deep, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("b" * 200, dir_fd=folder)
        inner = os.open("b" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    with pytest.raises(RunFailed, match="more than can be released") as refused:
        collect(deep)
    assert "can't be looked at: File name too long" in refused.value.why
