"""What a notebook leaves behind: the output folder and a saved adapter."""

from __future__ import annotations

import enum
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governed_kernel.canonical import canonical_json
from governed_kernel.errors import CheckFailed, MissingExtra, UsageError
from governed_kernel.files import write_atomically
from governed_kernel.training.surface import ChangeSurface, change_surface
from governed_kernel.training.ticket import current_ticket
from governed_kernel.workspace import Workspace

__all__ = ["ADAPTER_CONFIG", "ADAPTER_WEIGHTS", "SURFACE_FILE", "output_folder", "save_adapter"]

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
SURFACE_FILE = "change_surface.json"
_RESERVED = (ADAPTER_WEIGHTS, ADAPTER_CONFIG, SURFACE_FILE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def output_folder() -> Path:
    """Where this session's artifacts go; it exists when this returns.

    In a run it is the run's own folder, in research ``research/outputs/`` of the workspace.
    """
    ticket = current_ticket()
    if ticket is not None:
        folder = Path(ticket.output)
    else:
        folder = Workspace.find().root / "research" / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def save_adapter(
    model: Any,
    name: str = "adapter",
    *,
    tokenizer: Any = None,
    base_model: str | Path | None = None,
    files: Mapping[str, Any] | None = None,
) -> Path:
    """Save an adapted model's adapter so that the same weights always give the same bytes.

    Parameters
    ----------
    model : peft.PeftModel
        The adapted model.
    name : str
        Folder below `output_folder`; an adapter of that name is replaced.
    tokenizer : PreTrainedTokenizerBase, optional
        Saved beside the weights, when it differs from the base model's own.
    base_model : path, optional
        The base model's folder; by default where the model was loaded from.
    files : mapping, optional
        File name → JSON value: what a predictor needs besides weights, saved canonically.

    Returns
    -------
    Path
        The folder, with ``adapter_model.safetensors``, ``adapter_config.json`` and
        ``change_surface.json``. The configuration is written last: without it the folder loads
        nowhere, so an interrupted save leaves no adapter.

    Raises
    ------
    UsageError
        `model` has no adapter, or its base model's folder is unknown.
    CheckFailed
        Weights of the base model itself moved: an adapter can't carry them, so what was
        evaluated is not what would be saved.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("peft", "train") from error

    if not isinstance(model, PeftModel):
        raise UsageError(
            f"a {type(model).__name__} has no adapter to save",
            why="release.save_adapter takes what peft.get_peft_model returns",
            next="adapt the model with peft, or save plain files below release.output_folder()",
        )
    extra = _checked_names(name, files or {})
    base = _base_folder(model, base_model)
    surface = change_surface(model, base)
    _refuse_moved_base(surface)
    label, digest = catalogued_name(base)
    folder = output_folder() / name
    if folder.exists():
        shutil.rmtree(folder)
    write_atomically(folder / ADAPTER_WEIGHTS, _weights(model))
    for file, value in sorted(extra.items()):
        write_atomically(folder / file, canonical_json(value) + b"\n")
    described = {"base_model": label, "base_sha256": digest, "surface": surface}
    write_atomically(folder / SURFACE_FILE, canonical_json(described) + b"\n")
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    write_atomically(folder / ADAPTER_CONFIG, canonical_json(_configuration(model, label, digest)))
    return folder


def catalogued_name(base: Path) -> tuple[str, str]:
    """``NAME@VERSION`` and digest of the base model at a path: nothing in it names this machine.

    A base model that is not in the catalog is called ``uncatalogued/FOLDER``, with no digest.
    """
    here = base.resolve()
    ticket = current_ticket()
    if ticket is not None:
        for entry in ticket.inputs.values():
            if entry.kind == "model" and Path(entry.path).resolve() == here:
                return f"{entry.dataset}@{entry.version}", entry.sha256
    # A snapshot's folder is named by the digest of what is in it.
    if re.fullmatch(r"[0-9a-f]{64}", here.name):
        return _label_of_digest(here.name), here.name
    return f"uncatalogued/{here.name}", ""


def _label_of_digest(digest: str) -> str:
    from governed_kernel.governance.register import Register

    for versions in Register.read(Workspace.find()).datasets.values():
        for version in versions:
            if version.sha256 == digest:
                return f"{version.dataset}@{version.version}"
    return f"uncatalogued/{digest[:12]}"


def _checked_names(name: str, files: Mapping[str, Any]) -> Mapping[str, Any]:
    for given in (name, *files):
        if not _NAME.fullmatch(given) or given in _RESERVED:
            raise UsageError(
                f"{given!r} is no name for an artifact",
                why="names are letters, digits, dots, dashes and underscores; "
                f"{', '.join(_RESERVED)} are taken",
                next="choose a plain name, such as 'adapter' or 'thresholds.json'",
            )
    return files


def _base_folder(model: Any, named: str | Path | None) -> Path:
    configuration = getattr(model.get_base_model(), "config", None)
    found = str(named or getattr(configuration, "_name_or_path", "") or "")
    if not found or not Path(found).is_dir():
        raise UsageError(
            "the base model's folder is not known",
            why=f"the model says it was loaded from {found or 'nowhere'!r}",
            next="load it from data.model(NAME), or pass base_model=FOLDER",
        )
    return Path(found)


def _refuse_moved_base(surface: ChangeSurface) -> None:
    if surface.changed or surface.missing:
        names = [difference.name for difference in surface.changed] + surface.missing
        raise CheckFailed(
            "the base model's own weights moved",
            why=f"{len(names)} tensors differ from the base model, for example {names[0]}; an "
            "adapter can't carry them",
            next="freeze the base model (peft does) and train adapter and head alone",
        )


def _weights(model: Any) -> bytes:
    from peft import get_peft_model_state_dict
    from safetensors.torch import save

    # "auto" would ask the hub whether the vocabulary changed.
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    plain = {name: state[name].detach().cpu().contiguous().clone() for name in sorted(state)}
    return bytes(save(plain, metadata={"format": "pt"}))


def _configuration(model: Any, label: str, digest: str) -> dict[str, Any]:
    """The adapter's configuration: sets sorted, the base model by name, nothing of this machine."""
    given = model.peft_config["default"].to_dict()
    settings = {name: _plain(value) for name, value in given.items()}
    return {
        **settings,
        "base_model_name_or_path": label,
        "revision": digest or None,
        "inference_mode": True,
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it, in one order whatever ``PYTHONHASHSEED`` was."""
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(element) for element in value), key=canonical_json)
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    return value
