"""What no observer sees today, and why; all of it is witnessed.

The list may only shrink: an idiom that passes must leave it, or the test fails.
"""

from __future__ import annotations

__all__ = ["KNOWN", "UNSEEN"]

_REASONS: dict[str, tuple[str, ...]] = {
    "DuckDB has no observer yet": (
        "duckdb.connect",
        "ATTACH",
        "CREATE TABLE in a file",
    ),
    "pyarrow's other readers and writers have no observer yet": (
        "pq.read_metadata",
        "pq.read_schema",
        "pq.ParquetDataset",
        "pyarrow.dataset of a folder",
        "fs.LocalFileSystem",
        "fs.LocalFileSystem, write",
    ),
    "these of pandas' readers and writers have no observer yet": (
        "pd.read_sas",
        "pd.read_spss",
        "DataFrame.to_orc",
        "DataFrame.to_string",
    ),
    "SQL has no observer yet, the connection alone is seen": ("SQLAlchemy, PostgreSQL",),
    "HDF5, netCDF, torch's own files: no observer yet": (
        "h5py, external link",
        "netCDF4",
        "netCDF4, write",
        "netCDF4.MFDataset",
        "torch.from_file",
    ),
    "Python does not say which folder the name is relative to": ("os.open with dir_fd",),
    "pictures inside libraries count as environment": ("load_sample_image",),
    "another program, or Python started anew, has no observer inside": (
        "subprocess, cat",
        "subprocess through the shell",
        "a static binary",
        "another Python",
        "os.system",
        "os.popen",
        "os.posix_spawn",
        "asyncio's subprocess",
        "multiprocessing, spawn",
        "multiprocessing, forkserver",
        "joblib.Parallel",
        "!cat",
        "lines = !cat",
        "%%bash",
        "curl",
        "psql",
    ),
    "native code that nobody observes: the witness is there for it": (
        "ctypes, libc.fopen",
        "lxml",
        "lxml, write",
        "pyreadstat",
        "tokenizers",
        "tokenizers, save",
        "blosc2",
    ),
}

KNOWN: dict[str, str] = {name: why for why, names in _REASONS.items() for name in names}
"""Idiom → why no observer sees it as it should."""

UNSEEN: frozenset[str] = frozenset(
    {
        # What goes through a connection that is open already is not a new one to the witness.
        "load_sample_image",
    }
)
"""Of these, not even the witness sees all."""
