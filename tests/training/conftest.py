"""A tiny base model, made by the real library and loaded by the real code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ("radius", "texture", "perimeter", "very", "low", "medium", "high", ".")


@pytest.fixture(scope="session")
def tiny_base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers with random weights, saved as a base model is."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("tiny-base")
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    torch.manual_seed(0)
    configuration = BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(configuration).save_pretrained(folder)
    BertTokenizer(str(vocabulary)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def adapt() -> Callable[[Path], Any]:
    """Makes a LoRA model over a base model's folder, as a notebook does."""

    def make(base: Path, seed: int = 3) -> Any:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForSequenceClassification

        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
        settings = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
        with warnings.catch_warnings():
            # peft 0.21 asks transformers 5.23 by a name that the latter gives up in its version 6.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
            return get_peft_model(model, settings)

    return make


@pytest.fixture
def in_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare workspace as working directory, and no run's ticket."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "governed.toml").write_text('[workspace]\nname = "Test"\n')
    monkeypatch.chdir(root)
    monkeypatch.delenv("GOVERNED_TICKET", raising=False)
    return root
