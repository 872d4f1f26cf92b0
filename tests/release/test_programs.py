"""No file that runs code when it is loaded is released, whatever it is called."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import joblib
import numpy as np
import pytest
import torch

from governed_kernel.errors import RunFailed
from governed_kernel.release.outputs import collect


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


def _in_tar(path: Path, compression: str = "") -> None:
    with tarfile.open(path, f"w:{compression}") as archive:  # type: ignore[call-overload]
        data = pickle.dumps(Hostile())
        member = tarfile.TarInfo("inside.bin")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


def _in_archives(path: Path) -> None:
    _in_archive(path)
    inner = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner", inner)


def _behind_a_line(path: Path) -> None:
    _in_archive(path)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())


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
    "in a tar archive": _in_tar,
    "in a tar archive, gzip": lambda path: _in_tar(path, "gz"),
    "in an archive in an archive": _in_archives,
    "in an archive behind a line": _behind_a_line,
    "in what is no archive to us": lambda path: path.write_bytes(b"PK\x03\x04 not really"),
    "in numpy's array": _array,
    "in numpy's archive": _arrays,
}


LAMBDA = {"class_name": "Lambda", "config": {"function": ["4wEAAA==", None, None]}}
FOREIGN = {"class_name": "function", "module": "os", "config": "system"}


def _keras(path: Path, layer: object) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "layers": [layer]}))
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")


def _hdf5(path: Path, text: str) -> None:
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(500_000)
        file.attrs["model_config"] = text


def _escaped(text: str) -> str:
    """The same to who reads JSON."""
    return text.replace("Lambda", "\\u004cambda")


def _graph(path: Path, operation: bytes) -> None:
    """A SavedModel of one node, as protocol buffers write it."""
    data = b"\x0a\x01w\x12" + bytes([len(operation)]) + operation
    for field in (b"\x0a", b"\x12", b"\x12"):  # node of graph_def of meta_graphs
        data = field + bytes([len(data)]) + data
    path.write_bytes(b"\x08\x01" + data)


def _padded(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (65 << 20) + json.dumps(LAMBDA).encode())


def _behind_a_damaged_header(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for name in ("first.txt", "second.txt", "inside.bin"):
            data = pickle.dumps(Hostile()) if name == "inside.bin" else b"nothing to see"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    packed = bytearray(path.read_bytes())
    packed[1024 + 148] ^= 1  # the checksum of the second header
    path.write_bytes(packed)


def _member(path: Path, name: str, make: Callable[[Path], object]) -> None:
    make(path)
    content = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


def _after_a_block(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=1024) as file:
        file.attrs["model_config"] = json.dumps(LAMBDA)


PROGRAMS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a layer with code": ("m.keras", lambda path: _keras(path, LAMBDA)),
    "a layer of another library": ("m.bin", lambda path: _keras(path, FOREIGN)),
    "a layer with code in HDF5": ("m.h5", lambda path: _hdf5(path, json.dumps(LAMBDA))),
    "one that hides": ("m.txt", lambda path: _hdf5(path, _escaped(json.dumps(LAMBDA)))),
    "an operation that writes files": ("m.pb", lambda path: _graph(path, b"WriteFile")),
    "one behind a long blank": ("m.keras", _padded),
    "one in HDF5 in an archive": (
        "m.zip",
        lambda path: _member(path, "m.h5", lambda here: _hdf5(here, json.dumps(LAMBDA))),
    ),
    "one in HDF5 behind a block": ("m.h5", _after_a_block),
    "a pickle behind a damaged header": ("m.tar", _behind_a_damaged_header),
    "an operation in an archive": (
        "m.zip",
        lambda path: _member(path, "saved_model.pb", lambda here: _graph(here, b"PyFunc")),
    ),
    "an operation of Python": ("saved_model.pb", lambda path: _graph(path, b"PyFunc")),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_model_that_carries_code_is_refused(tmp_path: Path, kind: str) -> None:
    name, make = PROGRAMS[kind]
    make(tmp_path / name)
    with pytest.raises(RunFailed, match="may run code when it is loaded"):
        collect(tmp_path)


@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_is_refused_under_any_name(tmp_path: Path, kind: str) -> None:
    PICKLES[kind](tmp_path / "model.txt")
    with pytest.raises(RunFailed, match=r"may run code when it is loaded: model\.txt") as refused:
        collect(tmp_path)
    assert "safetensors" in refused.value.next
    assert not (tmp_path / "it-ran").exists()


def test_a_name_that_says_pickle_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "model.PKL").write_text("a text")
    with pytest.raises(RunFailed, match=r"model\.PKL"):
        collect(tmp_path)


def test_what_is_none_is_no_pickle(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.ones(9))
    np.savez_compressed(tmp_path / "arrays.npz", a=np.ones(9))
    (tmp_path / "table.csv").write_text("c1,c2\n" + "10,20\n" * 50_000)
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"c1,c2\n" + b"10,20\n" * 50_000))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08 not really")
    (tmp_path / "PKG-INFO").write_text("PK is how it begins")
    (tmp_path / "empty").touch()
    (tmp_path / "words.txt").write_text("(a list), or in other words\n.")
    _keras(tmp_path / "dense.keras", {"class_name": "Dense", "module": "keras.layers"})
    _hdf5(tmp_path / "dense.h5", json.dumps({"class_name": "Dense"}))
    _graph(tmp_path / "adding.pb", b"AddV2")
    with tarfile.open(tmp_path / "texts.tgz", "w:gz") as archive:
        archive.add(tmp_path / "words.txt", "words.txt")
    (tmp_path / "zeros.bin").write_bytes(bytes(4096))
    assert len(collect(tmp_path)) == 13
