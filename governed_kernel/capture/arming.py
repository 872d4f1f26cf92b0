"""Arms the observers of a library when, and only when, that library has been imported.

A finder at the head of ``sys.meta_path`` finds nothing itself: it lets the others find, and has the
loader's ``exec_module`` followed by the adapter. The loader stays the object it was, and modules
that replace themselves while they load (transformers) are left to do so: what is armed is the
submodule that holds the class, whenever it comes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType

from governed_kernel.capture.observation import Observation
from governed_kernel.errors import GovernedError

__all__ = ["ADAPTERS", "arm_imports"]

_HERE = "governed_kernel.capture.adapters"

ADAPTERS: dict[str, str] = {}
"""Module whose import arms → adapter, a module with ``arm(observation, name, module)``."""

MEETINGS = {"sklearn": f"{_HERE}.estimators"}
"""Library → adapter with ``meet(observation, class)``."""


class _Finder(importlib.abc.MetaPathFinder):
    """Follows the import of armed modules."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._searching = threading.local()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in ADAPTERS or getattr(self._searching, "name", "") == fullname:
            return None
        self._searching.name = fullname
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is self or find is None:
                    continue
                spec: importlib.machinery.ModuleSpec | None = find(fullname, path, target)
                if spec is not None:
                    self._follow(spec)
                    return spec
        finally:
            self._searching.name = ""
        return None

    def _follow(self, spec: importlib.machinery.ModuleSpec) -> None:
        loader = spec.loader
        if loader is None or not hasattr(loader, "exec_module"):
            return
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            # Only the instance was changed, and only for this one load.
            del loader.exec_module
            execute(module)
            arm(self._observation, spec.name)

        try:
            loader.exec_module = exec_module  # type: ignore[method-assign]
        except AttributeError as error:
            self._observation.lost(f"import:{spec.name}", error)


def arm(observation: Observation, name: str) -> None:
    """Arm the adapter of an imported module; a failure is recorded, never raised."""
    module = sys.modules.get(name)
    if module is None:
        return
    try:
        with observation.at_work(), _made_for_good():
            importlib.import_module(ADAPTERS[name]).arm(observation, name, module)
    except GovernedError:
        raise
    except Exception as error:
        observation.lost(f"arm:{name}", error)


@contextlib.contextmanager
def _made_for_good() -> Iterator[None]:
    """Put what is made meanwhile among the collector's oldest things, uncounted.

    Hooks live as long as the process. Counted as new, they would bring about a collection of all
    there is, a tenth of a second, that plain Python does not make while it imports. To freeze and
    unfreeze moves everything to the oldest generation, and leaves it to be seen and collected.
    """
    enabled, frozen = gc.isenabled(), gc.get_freeze_count()
    try:
        gc.disable()
        yield
    finally:  # an interrupt may come at any line
        try:
            if not frozen:  # what a notebook has frozen stays so
                gc.freeze()
        finally:
            if not frozen:
                gc.unfreeze()
            if enabled:
                gc.enable()


def meet(observation: Observation, kind: type) -> None:
    """Arm the adapter of a class that the notebook mentions, of a library with many of them."""
    for base in kind.__mro__:
        adapter = MEETINGS.get(base.__module__.partition(".")[0])
        if adapter is not None:
            with observation.guarded(f"meet:{kind.__name__}"):
                importlib.import_module(adapter).meet(observation, kind)
            return


def arm_imports(observation: Observation) -> None:
    """Arm what is imported already, and whatever will be."""
    sys.meta_path.insert(0, _Finder(observation))
    for name in ADAPTERS:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if name in sys.modules and not getattr(spec, "_initializing", False):
            arm(observation, name)


def _adapter(library: str, *modules: str) -> None:
    ADAPTERS.update(dict.fromkeys(modules or (library,), f"{_HERE}.{library}"))


_adapter(
    "adbc",
    "adbc_driver_manager.dbapi",
    "adbc_driver_postgresql.dbapi",
    "adbc_driver_sqlite.dbapi",
)
_adapter(
    "datasets",
    "datasets.arrow_dataset",
    "datasets.combine",
    "datasets.dataset_dict",
    "datasets.load",
    "datasets.table",
)
_adapter("executors", "concurrent.futures.thread")
_adapter("duckdb")
_adapter("governed", "governed_kernel.governance.frames", "governed_kernel.training.artifacts")
_adapter("h5py", "h5py._hl.files")
_adapter(
    "http",
    "aiohttp.client_reqrep",
    "http.client",
    "httpx._client",
    "httpx2._client",
    "requests.sessions",
    "urllib.request",
    "urllib3.connectionpool",
    "urllib3.response",
)
_adapter("lxml", "lxml.etree")
_adapter(
    "multiprocessing",
    "joblib.externals.loky.backend.fork_exec",
    "joblib.externals.loky.backend.spawn",
    "multiprocess.spawn",
    "multiprocess.util",
    "multiprocessing.spawn",
    "multiprocessing.util",
)
_adapter("netcdf4", "netCDF4._netCDF4")
_adapter("pandas")
_adapter("peft", "peft.mapping_func", "peft.peft_model", "peft.tuners.tuners_utils")
_adapter("polars")
_adapter(
    "pyarrow",
    "pyarrow",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.feather",
    "pyarrow.fs",
    "pyarrow.json",
    "pyarrow.orc",
    "pyarrow.pandas_compat",
    "pyarrow.parquet.core",
)
_adapter(
    "psycopg",
    "psycopg._connection_base",
    "psycopg._cursor_base",
    "psycopg._server_cursor_base",
)
_adapter("ptyprocess", "ptyprocess.ptyprocess")
_adapter("pyreadstat")
_adapter("safetensors", "safetensors", "safetensors.torch", "safetensors.numpy")
_adapter("sklearn", "sklearn.model_selection._split")
_adapter("scipy", "scipy.io._fast_matrix_market")
_adapter("sqlalchemy", "sqlalchemy.engine.events")
_adapter("sqlite", "sqlite3.dbapi2")
_adapter("tables", "tables.file")
_adapter("tokenizers")
_adapter("torch", "torch", "torch.serialization", "torch.jit._serialization")
_adapter("loaders", "torch.utils.data.dataloader", "torch.utils.data.dataset")
_adapter("training", "torch.optim.optimizer")
_adapter(
    "transformers",
    "transformers.generation.utils",
    "transformers.modeling_utils",
    "transformers.models.auto.auto_factory",
    "transformers.models.auto.tokenization_auto",
    "transformers.pipelines.base",
    "transformers.tokenization_utils_base",
    "transformers.trainer",
)
