from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from governed_kernel.canonical import digest_file
from governed_kernel.errors import CheckFailed, ResourceMissing, UsageError
from governed_kernel.training import output_folder, save_adapter, weights_digest
from tests.training.models import adapt


def test_an_adapter_is_saved_loads_again_and_names_no_path(
    tiny_base_model: Path, in_workspace: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    model = adapt(tiny_base_model)
    folder = save_adapter(model, "adapter", files={"thresholds.json": {"radius": [1.5, 2]}})
    assert folder == in_workspace / "research" / "outputs" / "adapter"
    assert json.loads((folder / "thresholds.json").read_bytes()) == {"radius": [1.5, 2]}
    for file in folder.iterdir():
        assert str(tiny_base_model).encode() not in file.read_bytes()
    base = AutoModelForSequenceClassification.from_pretrained(tiny_base_model, num_labels=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        loaded = PeftModel.from_pretrained(base, folder)
    ids = torch.tensor([[2, 5, 6, 3]])
    model.eval()
    assert torch.equal(model(input_ids=ids).logits, loaded.eval()(input_ids=ids).logits)


SAVE = """
import sys
from pathlib import Path
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification
from governed_kernel import training
training.seed_everything(5)
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], num_labels=2)
targets = ["query", "value", "key", "attention.output.dense"]
model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=2, target_modules=targets))
training.save_adapter(model)
"""


def test_its_bytes_do_not_depend_on_the_hash_seed(tiny_base_model: Path, tmp_path: Path) -> None:
    digests = []
    for hash_seed in ("0", "1"):
        ticket = tmp_path / f"ticket-{hash_seed}.json"
        output = tmp_path / f"output-{hash_seed}"
        ticket.write_text(
            json.dumps(
                {
                    "run_id": "r",
                    "release": "x@1",
                    "kind": "release",
                    "output": str(output),
                    "threads": 1,
                }
            )
        )
        subprocess.run(
            [sys.executable, "-c", SAVE, str(tiny_base_model)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "GOVERNED_TICKET": str(ticket)},
            check=True,
            capture_output=True,
            timeout=120,
        )
        saved = sorted((output / "adapter").iterdir())
        digests.append([(file.name, digest_file(file)) for file in saved])
    assert digests[0] == digests[1]
    assert [name for name, _ in digests[0]] == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "change_surface.json",
    ]


def test_the_base_model_is_named_as_the_ticket_names_it(
    tiny_base_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = {
        "dataset": "tiny",
        "version": "3",
        "kind": "model",
        "path": str(tiny_base_model),
        "sha256": "ab" * 32,
    }
    ticket = tmp_path / "ticket.json"
    ticket.write_text(
        json.dumps(
            {
                "run_id": "r",
                "release": "x@1",
                "kind": "release",
                "output": str(tmp_path / "output"),
                "inputs": {"tiny@3": entry},
            }
        )
    )
    monkeypatch.setenv("GOVERNED_TICKET", str(ticket))
    folder = save_adapter(adapt(tiny_base_model))
    saved = json.loads((folder / "adapter_config.json").read_bytes())
    assert (saved["base_model_name_or_path"], saved["revision"]) == ("tiny@3", "ab" * 32)
    described = json.loads((folder / "change_surface.json").read_bytes())
    assert described["surface"]["base_weights"] == weights_digest(tiny_base_model).sha256


def test_an_adapter_whose_base_moved_is_not_saved(
    tiny_base_model: Path, in_workspace: Path
) -> None:
    model = adapt(tiny_base_model)
    with torch.no_grad():
        model.get_base_model().bert.pooler.dense.weight.add_(0.1)
    with pytest.raises(CheckFailed, match="own weights moved"):
        save_adapter(model)
    assert not (in_workspace / "research" / "outputs" / "adapter").exists()


def test_a_second_save_replaces_the_first(tiny_base_model: Path, in_workspace: Path) -> None:
    save_adapter(adapt(tiny_base_model), files={"old.json": 1})
    folder = save_adapter(adapt(tiny_base_model))
    assert not (folder / "old.json").exists()


@pytest.mark.parametrize("name", ["../adapter", "a/b", "", ".hidden", "adapter_config.json"])
def test_a_name_that_leaves_the_folder_is_refused(
    name: str, tiny_base_model: Path, in_workspace: Path
) -> None:
    with pytest.raises(UsageError, match="is no name for an artifact"):
        save_adapter(adapt(tiny_base_model), name)


def test_a_model_without_an_adapter_is_refused(tiny_base_model: Path, in_workspace: Path) -> None:
    with pytest.raises(UsageError, match="has no adapter"):
        save_adapter(torch.nn.Linear(1, 1))


def test_a_named_ticket_that_is_gone_is_an_error_and_no_fallback(
    in_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNED_TICKET", str(in_workspace / "gone.json"))
    with pytest.raises(ResourceMissing, match="ticket"):
        output_folder()
