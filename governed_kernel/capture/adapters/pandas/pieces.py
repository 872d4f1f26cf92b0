"""Files that are read piece by piece: ``for piece in pd.read_csv(path, chunksize=10_000)``.

What a reader of `read_csv` and the like gives is a frame of the file's, whoever asks for it:
a loop, a comprehension, `pd.concat`.
"""

from __future__ import annotations

from pandas.io.json._json import JsonReader
from pandas.io.parsers.readers import TextFileReader
from pandas.io.stata import StataReader

from governed_kernel.capture.adapters.pandas.subjects import Work, look, size, text
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe

__all__ = ["READER", "arm", "begin"]

READER = "reader"
"""The kind of what gives pieces."""
_METHODS = ((TextFileReader, "read"), (StataReader, "read"), (JsonReader, "__next__"))
"""What each piece comes through, however it is asked for; `JsonReader.read` gives all there is."""


def begin(observation: Observation, observed: Observed, uri: str) -> None:
    """A reader was made: nothing but the file's beginning has been read yet.

    Parameters
    ----------
    uri : str
        Of the file.
    """
    reader = observed.result
    if not isinstance(reader, tuple(owner for owner, _ in _METHODS)):
        return
    names = getattr(getattr(reader, "_engine", None), "names", None)  # where it has read a header
    columns = tuple(map(text, names)) if names else ("*",)
    step = Work(observation, observed)
    step.same(step.external(uri, columns))
    step.finish(reader, READER, columns, patient=True, extra=uri)


def piece(observation: Observation, observed: Observed) -> None:
    """The next rows of the file, or all that are left."""
    reader, seen = observation.registry.get(observed.subject), look(observed.result)
    if reader is None or reader.kind != READER or seen is None:
        return
    work = Work(observation, observed)
    work.take(reader)
    work.same(work.external(reader.extra, seen[1]))
    work.finish(observed.result, *seen, rows_out=size(observed.result), patient=True)


def arm(observation: Observation) -> None:
    """Observe what gives pieces."""
    for owner, name in (*_METHODS, (JsonReader, "read")):
        label = f"pandas.{owner.__name__}.{name}"
        observe(observation, "pandas", owner, name, piece, label=label, io=True)
