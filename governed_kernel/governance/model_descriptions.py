"""What the JSON files of a base model ask its loader to do.

As read in transformers 5.23 (``auto_map``, ``custom_pipelines``, ``weight_map``,
``attn_implementation``, ``quant_method``), peft 0.21 (``parent_library``, ``megatron_core``) and
sentence-transformers 6.2 (``modules.json``, ``activation_function``); earlier ones followed more,
without asking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

__all__ = ["INSIDE", "VENDOR", "WHOLE", "Oddity", "look", "look_at_template"]

VENDOR = (
    "put its code into the workspace, as modules that notebooks import and reviewers are shown, "
    "and take it, and what names it ('auto_map'), out of the model; transformers knows many "
    "models without"
)
NOTEBOOK = (
    "take that key out of the model, and ask for it in the notebook that loads the model, where "
    "reviewers see it"
)
INSIDE = "let it name files of its own folder, and register what else it needs by itself"
WHOLE = "fetch that file again from its origin, whole, or leave it out"

_LARGEST = 128 << 20
_OBJECTS = ("config.json", "tokenizer_config.json", "adapter_config.json")
_LOADED = (
    *_OBJECTS,
    *("generation_config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer.json", "modules.json", "router_config.json", "model_index.json"),
)
"""What loaders read, so that none loads a model with one that is no JSON."""
_FOLLOWED = (
    *("tokenizer_file", "vocab_file", "merges_file", "spm_file", "source_spm", "target_spm"),
    *("chat_template_file", "added_tokens_file", "tokenizer_config_file"),
    *("base_model_name_or_path", "model_file"),
)
"""Keys whose path a loader opens, or opened in earlier versions."""
_SAID = ("name_or_path", "_name_or_path")
"""Keys that say where a model was loaded from when it was saved; nothing is opened by them."""
_PATH = re.compile(r"(^|_)(file|path|dir|folder|filename)$")
_CODE = ("auto_map", "custom_pipelines")
_LIBRARIES = ("transformers", "diffusers", "sentence_transformers")
_MODULE_LISTS = ("modules.json", "router_config.json")
_ACTIVATIONS = ("activation_function", "activation_fn", "sbert_ce_default_activation_function")
_IMPLEMENTATION = re.compile(r"_?(attn|experts)_implementation(_internal)?")
_BUILT_IN = ("eager", "sdpa", "flex_attention", "grouped_mm", "batched_mm")
"""Implementations that every transformers has; it may fetch the others."""
_INTERNALS = re.compile(r"__[a-z]+__")


@dataclass(frozen=True)
class Oddity:
    """One thing about a base model's files.

    Attributes
    ----------
    is_refused : bool
        Whether no model with it is registered.
    next : str
        What to do about it.
    """

    what: str
    is_refused: bool
    next: str


def look(path: Path, name: str, names: Collection[str]) -> Iterator[Oddity]:
    """What a JSON file asks for.

    Parameters
    ----------
    path : Path
        Where it lies.
    name : str
        What it is called in the model's folder.
    names : collection of str
        Every file of that folder.
    """
    base = PurePosixPath(name).name
    try:
        content = _parsed(path, is_object=base in _OBJECTS)
    except ValueError as error:
        yield Oddity(f"{name}: {error}", base in _LOADED or ".index." in base, WHOLE)
        return
    if isinstance(content, dict) and "weight_map" in content:
        yield from _index(content["weight_map"], name, names)
    for key, value in _pairs(content):
        if code := _code(base, key, value):
            yield Oddity(f"{name}: {code}", True, VENDOR)
        elif fetched := _fetched(key, value):
            yield Oddity(f"{name}: {fetched}", True, NOTEBOOK)
        elif left := _left_to_loader(key, value):
            yield Oddity(f"{name}: {left}", False, NOTEBOOK)
        elif isinstance(value, str):
            yield from _text(name, key, value, names)


def look_at_template(path: Path, name: str) -> Iterator[Oddity]:
    """What a template of chats reaches for."""
    with path.open("rb") as file:
        text = file.read(_LARGEST).decode(errors="replace")
    yield from _template(name, text)


def _parsed(path: Path, *, is_object: bool) -> Any:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it is longer than any description, {path.stat().st_size:,} bytes")
    try:
        content = json.loads(path.read_bytes().decode())
    except ValueError as error:
        raise ValueError("it is no JSON") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if is_object and not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def _pairs(content: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at whatever depth."""
    waiting = [content]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield from found.items()
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _code(base: str, key: str, value: Any) -> str:
    """What code a key brings in, in words; empty for none."""
    texts = _texts(value)
    if key == "trust_remote_code":
        is_asked = value is True or bool(texts)
        return "trust_remote_code asks for code that comes with models" if is_asked else ""
    if key in _CODE:
        where = (
            "that is fetched from elsewhere"
            if any("--" in text for text in texts)
            else "of its own"
        )
        return f"{key} names code {where}, {_shown(', '.join(texts))}" if texts else ""
    own = ""
    if key in _ACTIVATIONS:
        own = next((text for text in texts if "." in text and text[:6] != "torch."), "")
    elif key == "megatron_core":
        own = next((text for text in texts if text.partition(".")[0] != "megatron"), "")
    elif base in _MODULE_LISTS and key in ("type", "types"):
        own = next((text for text in texts if not text.startswith("sentence_transformers.")), "")
    return f"{key} names code, {_shown(own)}" if own else ""


def _fetched(key: str, value: Any) -> str:
    """What a key has fetched from a hub, and run, in words; empty for nothing."""
    is_asked = value is True or bool(_texts(value)) or (isinstance(value, list | dict) and value)
    if key == "use_kernels" and is_asked:  # a number is a word's place in a vocabulary
        return "use_kernels asks for code that is fetched from elsewhere"
    if not _IMPLEMENTATION.fullmatch(key):
        return ""
    kernel = next((text for text in _texts(value) if "/" in text), "")
    return f"{key} names code that is fetched from elsewhere, {_shown(kernel)}" if kernel else ""


def _left_to_loader(key: str, value: Any) -> str:
    """What a loader may fetch from where it likes to do as a key says, in words."""
    if key == "quant_method" and isinstance(value, str):
        what = "a library that knows how, or code that transformers fetches"
        return f"its weights are packed by {_shown(value)}, which takes {what}"
    asked = _texts(value) if _IMPLEMENTATION.fullmatch(key) else []
    special = next((text for text in asked if text.split("|")[-1] not in _BUILT_IN), "")
    what = "for which transformers fetches code where no library has it"
    return f"{key} asks for {_shown(special)}, {what}" if special else ""


def _texts(value: Any) -> list[str]:
    """Every text in a value, at whatever depth."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _text(name: str, key: str, value: str, names: Collection[str]) -> Iterator[Oddity]:
    base = PurePosixPath(name)
    if "template" in key:
        yield from _template(name, value)
    if key == "parent_library" and value.partition(".")[0] not in _LIBRARIES:
        yield Oddity(f"{name}: peft imports {_shown(value)} for it", False, VENDOR)
    is_followed = key in _FOLLOWED or (base.name, key) == ("modules.json", "path")
    if _leads_out(value) and (is_followed or (_PATH.search(key) and key not in _SAID)):
        yield Oddity(
            f"{name}: {key} leads out of the folder, to {_shown(value)}", is_followed, INSIDE
        )
    elif key == "base_model_name_or_path" and value:
        inside = (base.parent / value).as_posix()
        if not any(file.startswith(f"{inside}/") for file in names):
            what = f"{name}: it adapts {_shown(value)}, which is no part of this version"
            yield Oddity(what, False, INSIDE)


def _template(name: str, text: str) -> Iterator[Oddity]:
    if found := _INTERNALS.search(text):
        yield Oddity(
            f"{name}: its chat template reaches for Python's internals, {_shown(found[0])}",
            False,
            "read that template, and take it out",
        )


def _index(weight_map: Any, name: str, names: Collection[str]) -> Iterator[Oddity]:
    """What an index of weights in several files names."""
    values = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not values or not all(isinstance(value, str) for value in values):
        yield Oddity(f"{name}: its weight_map names no files", True, WHOLE)
        return
    place = PurePosixPath(name).parent
    for file in dict.fromkeys(values):
        if _leads_out(file):
            yield Oddity(
                f"{name}: weight_map leads out of the folder, to {_shown(file)}", True, INSIDE
            )
        elif (place / file).as_posix() not in names:
            is_needed = not _others(PurePosixPath(name), names)
            yield Oddity(f"{name}: {_shown(file)}, which it names, is missing", is_needed, WHOLE)


def _others(index: PurePosixPath, names: Collection[str]) -> list[str]:
    """Files by which the model is loaded where its index isn't asked, or not first."""
    first = ["model.safetensors", index.name.partition(".index.")[0]]
    if ".safetensors." not in index.name:
        first.append("model.safetensors.index.json")
    return [name for name in first if (index.parent / name).as_posix() in names]


def _leads_out(value: str) -> bool:
    """Whether a path leaves the folder that it is read in, on whatever system."""
    windows = PureWindowsPath(value)
    return bool(windows.anchor) or ".." in windows.parts or value[:1] == "~" or "://" in value


def _shown(value: str) -> str:
    return ascii(value if len(value) <= 80 else f"{value[:80]}…")
