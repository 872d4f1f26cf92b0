"""No file that runs code when it is loaded is released, whatever it is called."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from governed_kernel.errors import RunFailed
from governed_kernel.release import worker


class Hostile:
    """Asks for a command when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch it-ran",)


def _old(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps([Hostile(), *list(range(50000))], protocol=protocol))


def _in_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing to see")
        archive.writestr("deep/inside.bin", gzip.compress(pickle.dumps(Hostile())))


def _behind_what_is_damaged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing to see")
        archive.writestr("inside.bin", pickle.dumps(Hostile()))
    path.write_bytes(path.read_bytes().replace(b"nothing", b"Nothing"))


def _array(path: Path) -> None:
    with io.BytesIO() as file:
        np.save(file, np.array([Hostile()], dtype=object), allow_pickle=True)
        path.write_bytes(file.getvalue())


def _arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, a=np.array([{}], dtype=object))


PICKLES: dict[str, Callable[[Path], object]] = {
    "of today": lambda path: path.write_bytes(pickle.dumps({"weights": 1})),
    "of 1996": lambda path: _old(path, 0),
    "of 1999": lambda path: _old(path, 1),
    "by torch": lambda path: torch.save({"a": torch.ones(3)}, path),
    "by torch of old": lambda path: torch.save(
        {"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False
    ),
    "by joblib": lambda path: joblib.dump(Hostile(), path),
    "by joblib, zlib": lambda path: joblib.dump(Hostile(), path, compress=("zlib", 3)),
    "by joblib, xz": lambda path: joblib.dump(Hostile(), path, compress=("xz", 3)),
    "compressed": lambda path: path.write_bytes(gzip.compress(pickle.dumps(Hostile()))),
    "in an archive": _in_archive,
    "in an archive that is damaged": _behind_what_is_damaged,
    "in what is no archive to us": lambda path: path.write_bytes(b"PK\x03\x04 not really"),
    "in numpy's array": _array,
    "in numpy's archive": _arrays,
}


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_is_refused_under_any_name(tmp_path: Path, kind: str) -> None:
    PICKLES[kind](tmp_path / "model.txt")
    with pytest.raises(RunFailed, match=r"left a pickle: model\.txt") as refused:
        worker.collect(tmp_path)
    assert "safetensors" in refused.value.next
    assert not (tmp_path / "it-ran").exists()


def test_a_name_that_says_pickle_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "model.PKL").write_text("a text")
    with pytest.raises(RunFailed, match=r"model\.PKL"):
        worker.collect(tmp_path)


def test_what_is_none_is_no_pickle(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.ones(9))
    np.savez_compressed(tmp_path / "arrays.npz", a=np.ones(9))
    (tmp_path / "table.csv").write_text("c1,c2\n" + "10,20\n" * 50_000)
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"c1,c2\n" + b"10,20\n" * 50_000))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08 not really")
    (tmp_path / "PKG-INFO").write_text("PK is how it begins")
    (tmp_path / "empty").touch()
    (tmp_path / "words.txt").write_text("(a list), or in other words\n.")
    assert len(worker.collect(tmp_path)) == 8
