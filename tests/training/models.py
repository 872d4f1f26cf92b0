"""A tiny base model and adapters over it, made by the real libraries."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

WORDS = ("radius", "texture", "perimeter", "very", "low", "medium", "high", ".")


def make_base(folder: Path) -> Path:
    """A BERT of two narrow layers with random weights, saved as a base model is."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
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


def adapt(base: Path, seed: int = 3) -> Any:
    """A LoRA model over a base model's folder, made as a notebook does."""
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
