"""The product's own calls in a notebook: a folder that is loaded, an adapter that is saved."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.adapters.torch import model_node, owes
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.uris import file_uri

__all__ = ["arm"]


def _saved(observation: Observation, observed: Observed) -> None:
    """``release.save_adapter``: the model goes into a file of weights."""
    step = Step(observation, observed)
    owes(step, model_node(step, observed["model"]), "IDENTITY")
    weights = file_uri(observed.result / "adapter_model.safetensors")
    step.record([(Node(weights, "model", ()), "")])


def _begun(observation: Observation, call: Call) -> None:
    call.note = len(observation.doings[-1].works) if observation.doings else 0


def _loaded(observation: Observation, observed: Observed) -> None:
    """``data.load`` of a folder: the table's columns are those of the folder's table.

    The files are put together by libraries in our name, which counts for none of the user's steps;
    and what the names of folders say is in no file.
    """
    path, table = observed["path"], observed.result
    if not path.is_dir() or isinstance(table, dict):
        return  # a file's reader tells of it, and of a folder of several tables what loads each
    kind, columns = _look(table)
    if observation.doings:
        # What each of its files was read as is nobody's: a statement that makes a list of the
        # table's column would owe to all of theirs.
        del observation.doings[-1].works[observed.call.note :]
    step = Step(observation, observed)
    step.same(step.external(file_uri(path), columns))
    step.finish(table, kind, columns, rows_out=len(table), patient=True)


def _look(table: Any) -> tuple[str, tuple[str, ...]]:
    """Kind and columns of what a folder was loaded as, in the words of its library's adapter."""
    library = type(table).__module__.partition(".")[0]
    if library == "pandas":
        from governed_kernel.capture.adapters.pandas import subjects

        return subjects.look(table) or ("frame", ())
    if library == "polars":
        return "frame", tuple(table.columns)
    return "table" if library == "pyarrow" else "dataset", tuple(table.column_names)


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe `training.artifacts` and `governance.frames`."""
    if hasattr(module, "read_pandas"):
        for name in ("read_pandas", "read_polars", "read_arrow", "read_datasets"):
            observe(
                observation, "governed_kernel", module, name, _loaded, label="data.load", io=True
            )
        return
    label = "release.save_adapter"
    observe(observation, "governed_kernel", module, "save_adapter", _saved, label=label)
