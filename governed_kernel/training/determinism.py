"""Seeds and deterministic arithmetic, set once, before any parameter is created.

PyTorch's conditions for reproducible results: https://docs.pytorch.org/docs/stable/notes/randomness.html
"""

from __future__ import annotations

import gc
import os
import random
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.errors import MissingExtra, ResourceMissing, UnknownName, UsageError
from governed_kernel.training.ticket import current_ticket

__all__ = ["SeedRecord", "device", "seed_everything"]

_LARGEST_SEED = 2**32 - 1  # numpy's generator takes no larger one
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_CUBLAS_DETERMINISTIC = (":4096:8", ":16:8")
_GPUS = Path("/proc/driver/nvidia/gpus")
_seeded: list[int] = []


class SeedRecord(msgspec.Struct, frozen=True):
    """What `seed_everything` set; its text is what a notebook shows."""

    seed: int
    threads: int
    device: str
    libraries: list[str]
    cublas_workspace: str
    python_hash_seed: str
    """``PYTHONHASHSEED`` of this process, or ``random``: it can't be set once Python runs."""


def seed_everything(seed: int) -> SeedRecord:
    """Seed every generator and switch on strict deterministic arithmetic.

    Call it before the first model, adapter or optimiser is created: what was initialised earlier
    came from an unknown random state, and no later seed makes it repeatable.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Returns
    -------
    SeedRecord
        Seed, thread count, device and libraries.

    Raises
    ------
    UsageError
        The seed is no such integer; a live model holds parameters drawn before this first call; or
        CUDA was started without ``CUBLAS_WORKSPACE_CONFIG``.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(
            f"{seed!r} is no seed",
            why=f"a seed is an integer from 0 to {_LARGEST_SEED}",
            next="pass one, for example training.seed_everything(7)",
        )
    torch = _torch()
    _refuse_unseeded_parameters(torch)
    cublas = _cublas_workspace(torch)
    threads = _threads()
    if threads:
        # Another thread count adds in another order, and gives other bits.
        torch.set_num_threads(threads)
    _deterministic(torch)
    libraries = _seed_libraries(seed, torch)
    _seeded.append(seed)
    return SeedRecord(
        seed=seed,
        threads=torch.get_num_threads(),
        device=str(device()),
        libraries=libraries,
        cublas_workspace=cublas,
        python_hash_seed=os.environ.get("PYTHONHASHSEED", "random"),
    )


def device() -> Any:
    """The `torch.device` to train on: the first CUDA GPU when there is one, else the CPU.

    Raises
    ------
    ResourceMissing
        There is a GPU and torch is built for it, but CUDA does not start. To train on the
        processor instead, without a word, would give another model than was asked for.
    """
    torch = _torch()
    if torch.cuda.is_available():
        return torch.device("cuda")
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")
    if torch.version.cuda and wanted and any(_GPUS.glob("*")):
        raise ResourceMissing(
            "the GPU of this machine can't be used",
            why=f"torch is built for CUDA {torch.version.cuda}, and CUDA does not start",
            next="'governed doctor' may say why; to use the processor set CUDA_VISIBLE_DEVICES=''",
        )
    return torch.device("cpu")


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "train") from error
    return torch


def _seed_libraries(seed: int, torch: Any) -> list[str]:
    random.seed(seed)
    libraries = ["random"]
    try:
        import numpy as np
    except ImportError:
        pass
    else:
        np.random.seed(seed)
        libraries.append("numpy")
    torch.manual_seed(seed)  # the CUDA generators too
    libraries.append("torch")
    try:
        import transformers
    except ImportError:
        pass
    else:
        transformers.set_seed(seed)  # accelerators torch.manual_seed doesn't reach
        libraries.append("transformers")
    return libraries


def _deterministic(torch: Any) -> None:
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    # TF32 and reduced-precision sums round differently from one GPU generation to the next.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def _cublas_workspace(torch: Any) -> str:
    """Set cuBLAS's workspace: it is read once, when CUDA starts."""
    found = os.environ.get(_CUBLAS, "")
    if found in _CUBLAS_DETERMINISTIC:
        return found
    if torch.cuda.is_initialized():
        raise UsageError(
            "CUDA was started before the seed was set",
            why=f"{_CUBLAS} is {found!r}, and cuBLAS has read it already: its sums may vary",
            next="restart the kernel, and call training.seed_everything(seed) before any GPU work",
        )
    os.environ[_CUBLAS] = _CUBLAS_DETERMINISTIC[0]
    return _CUBLAS_DETERMINISTIC[0]


def _refuse_unseeded_parameters(torch: Any) -> None:
    """Refuse when a live model's trainable parameters may stem from an unseeded generator.

    Before the first call, the generator has been drawn from exactly when its state is no longer
    the one its initial seed gives. Loading a whole base model draws nothing; a new head does.
    """
    if _seeded:
        return
    untouched = torch.Generator().manual_seed(torch.initial_seed()).get_state()
    if torch.equal(untouched, torch.get_rng_state()):
        return
    for found in gc.get_objects():
        # type() and not isinstance(): lazy proxies of other libraries would be woken by it.
        if issubclass(type(found), torch.nn.Module) and any(
            parameter.requires_grad for parameter in found.parameters()
        ):
            raise UsageError(
                f"a {type(found).__name__} was created before the seed was set",
                why="random numbers were drawn already, so its weights can't be made again",
                next="restart the kernel and call training.seed_everything(seed) before any model "
                "or adapter is created",
            )


def _threads() -> int:
    """The thread count to pin (0 for none): of the ticket, the environment, or the workspace."""
    ticket = current_ticket()
    if ticket is not None and ticket.threads > 0:
        return ticket.threads
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named) > 0:
        return int(named)
    from governed_kernel.workspace import Workspace

    try:
        return Workspace.find().settings.run.threads
    except UnknownName:
        return 0
