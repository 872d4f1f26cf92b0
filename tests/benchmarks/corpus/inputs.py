"""Makes the files that the idioms read: ``python inputs.py``, run in the folder.

A library that is missing leaves its files out; the idioms that need it are NOT RUN anyway.
"""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import importlib
import json
import lzma
import pickle
import shelve
import sqlite3
import struct
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARDS = ("north", "south", "east")
PEOPLE = [
    {"id": number, "name": f"person {number}", "age": 20 + number, "ward": WARDS[number % 3]}
    for number in range(30)
]
COLUMNS = list(PEOPLE[0])
_START, _DIMENSIONS, _LABEL, _NUMBER, _END = 0x0009, 0x0000, 0x0004, 0x0003, 0x000A


def make() -> None:
    """Everything that can be made with what is installed."""
    Path("out").mkdir()
    plain_files()
    for work in (frames, arrays, containers, spreadsheets, databases, weights, models, datasets):
        with contextlib.suppress(ImportError):
            work(importlib.import_module)


def plain_files() -> None:
    """What the standard library writes."""
    for name, delimiter in (("people.csv", ","), ("people.tsv", "\t")):
        with Path(name).open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter, lineterminator="\n")
            writer.writeheader()
            writer.writerows(PEOPLE)
    text = Path("people.csv").read_bytes()
    Path("people.csv.gz").write_bytes(gzip.compress(text))
    Path("people.csv.bz2").write_bytes(bz2.compress(text))
    Path("people.csv.xz").write_bytes(lzma.compress(text))
    with zipfile.ZipFile("people.csv.zip", "w") as archive:
        archive.write("people.csv")
    with tarfile.open("people.tar.gz", "w:gz") as archive:
        archive.add("people.csv")
    Path("people.json").write_text(json.dumps(PEOPLE))
    Path("people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PEOPLE))
    Path("people.pkl").write_bytes(pickle.dumps(PEOPLE))
    Path("text.txt").write_text("a line of text\n" * 5)
    for name in ("descriptor", "pool", "threads", "executor", "workers", "lazy", "relation"):
        # Each is read by one idiom alone: what is credited to a wrong cell can be told.
        Path(f"early-{name}.csv").write_text(f"id,{name}\n1,2\n")
    Path("people.fwf").write_text("".join(f"{p['id']:5d}{p['age']:5d}\n" for p in PEOPLE))
    rows = "".join(f"<row><id>{p['id']}</id><age>{p['age']}</age></row>" for p in PEOPLE)
    Path("people.xml").write_text(f"<people>{rows}</people>")
    cells = "".join(f"<tr><td>{p['id']}</td><td>{p['age']}</td></tr>" for p in PEOPLE)
    Path("people.html").write_text(f"<table><tr><th>id</th><th>age</th></tr>{cells}</table>")
    Path("settings.toml").write_text("a = 1\n")
    Path("settings.yaml").write_text("a: 1\n")
    Path("script.py").write_text("text = open('people.csv').read()\n")
    Path("empty.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    Path("link.csv").symlink_to("people.csv")
    for name in ("parts/a.txt", "parts/b.txt", "labelled/yes/1.txt", "labelled/no/2.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("modules").mkdir()
    Path("modules/helper.py").write_text("VALUE = 1\n")
    Path("numbers.txt").write_text("1 2\n3 4\n")
    Path("numbers.svm").write_text("1 1:0.5 2:0.25\n0 1:1.5\n")
    Path("numbers.bin").write_bytes(struct.pack("8d", *range(8)))
    with shelve.open("shelf") as shelf:
        shelf["a"] = 1
    Path("shelf.bak").unlink(missing_ok=True)
    with wave.open("sound.wav", "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(64))
    with contextlib.closing(sqlite3.connect("people.db")) as database, database:
        database.execute("create table people (id integer, name text, age integer, ward text)")
        database.executemany("insert into people values (:id, :name, :age, :ward)", PEOPLE)


Load = Callable[[str], Any]


def frames(load: Load) -> None:
    """Columnar files by pyarrow, and pandas' own formats."""
    pa = load("pyarrow")
    table = pa.Table.from_pylist(PEOPLE)
    load("pyarrow.parquet").write_table(table, "people.parquet")
    load("pyarrow.parquet").write_to_dataset(table, "partitioned", partition_cols=["ward"])
    load("pyarrow.feather").write_feather(table, "people.feather")
    load("pyarrow.orc").write_table(table, "people.orc")
    with pa.OSFile("people.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write(table)
    frame = load("pandas").DataFrame(PEOPLE)
    frame.to_pickle("frame.pkl")
    frame.to_stata("people.dta", write_index=False)
    with contextlib.suppress(ImportError):
        load("polars").DataFrame(PEOPLE).write_avro("people.avro")
    with contextlib.suppress(ImportError):
        readstat = load("pyreadstat")
        readstat.write_sav(frame, "people.sav")
        readstat.write_xport(frame, "people.xpt", file_format_version=5)
    with contextlib.suppress(ImportError):
        frame.to_hdf("frame.h5", key="people")


def arrays(load: Load) -> None:
    """numpy, SciPy, joblib, Pillow."""
    np = load("numpy")
    np.save("numbers.npy", np.arange(8.0))
    np.savez("numbers.npz", a=np.arange(8.0))
    load("joblib").dump({"a": np.arange(8.0)}, "model.joblib")
    load("scipy.io").savemat("numbers.mat", {"a": np.arange(8.0)})
    sparse = load("scipy.sparse").csr_matrix(np.eye(3))
    load("scipy.sparse").save_npz("sparse.npz", sparse)
    load("scipy.io").mmwrite("sparse.mtx", sparse)
    load("PIL.Image").new("RGB", (4, 4)).save("image.png")


def containers(load: Load) -> None:
    """HDF5, netCDF, zarr, blosc2."""
    np, h5py = load("numpy"), load("h5py")
    with h5py.File("arrays.h5", "w") as file:
        file["a"] = np.arange(8.0)
    with h5py.File("linked.h5", "w") as file:
        file["elsewhere"] = h5py.ExternalLink("arrays.h5", "/a")
    with load("tables").open_file("table.h5", "w") as file:
        file.create_array("/", "a", np.arange(8.0))
    load("blosc2").asarray(np.arange(8.0), urlpath="numbers.b2nd")
    netcdf = load("netCDF4")
    for name, form in (
        ("field.nc", "NETCDF4"),
        *((name, "NETCDF4_CLASSIC") for name in ("step1.nc", "step2.nc")),
        ("classic.nc", "NETCDF3_CLASSIC"),
    ):
        with netcdf.Dataset(name, "w", format=form) as data:
            data.createDimension("t", None)
            data.createVariable("a", "f8", ("t",))[:] = np.arange(4.0)
    zarr = load("zarr")
    zarr.save("store.zarr", a=np.arange(16.0))
    with zarr.storage.ZipStore("store.zip", mode="w") as store:
        zarr.create_group(store).create_array("a", data=np.arange(16.0))


def spreadsheets(load: Load) -> None:
    """One workbook of today, and one of 1987 (BIFF2), which libraries still read."""
    records = [(_START, struct.pack("<HH", 7, 0x10)), (_DIMENSIONS, struct.pack("<4H", 0, 3, 0, 2))]
    for column, title in enumerate((b"id", b"age")):
        place = struct.pack("<HH3x", 0, column)
        records.append((_LABEL, place + bytes([len(title)]) + title))
    for row in (1, 2):
        for column in (0, 1):
            records.append((_NUMBER, struct.pack("<HH3xd", row, column, row * 10.0 + column)))
    records.append((_END, b""))
    data = b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in records)
    Path("people.xls").write_bytes(data)
    load("pandas").DataFrame(PEOPLE).to_excel("people.xlsx", index=False)


def databases(load: Load) -> None:
    """A file of DuckDB's."""
    with load("duckdb").connect("people.duckdb") as database:
        database.execute("create table people as from 'people.csv'")


def weights(load: Load) -> None:
    """Tensors in files."""
    torch = load("torch")
    torch.save({"a": torch.arange(8.0)}, "weights.pt")
    load("safetensors.torch").save_file({"a": torch.arange(8.0)}, "weights.safetensors")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and still read everywhere
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(2)), "script.pt")


def models(load: Load) -> None:
    """A tiny random BERT with its tokenizer."""
    transformers, tokenizers = load("transformers"), load("tokenizers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "person", "old", "young"]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]"
    ).save_pretrained("bert")
    configuration = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    transformers.BertModel(configuration).save_pretrained("bert")


def datasets(load: Load) -> None:
    """A dataset of Hugging Face's on disk."""
    load("datasets").Dataset.from_list(PEOPLE).save_to_disk("dataset")


if __name__ == "__main__":
    make()
