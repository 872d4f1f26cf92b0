"""How the suite asks an adapter: base model, adapter and its ``reading.json``, nothing else.

No code of the notebook runs here. Records are put into words by this file's own lines, so that a
mistake in the notebook's can't hide itself.
"""

from __future__ import annotations

import json
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BATCH = 64


class BiopsyPredictor:
    """Texts or records → probabilities of benign and malignant."""

    def __init__(self, model: Any, tokenizer: Any, reading: dict[str, Any], device: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._reading = reading
        self._device = device

    def describe(self, frame: Any) -> list[str]:
        """The text that the model reads, for each record."""
        words, measures = self._reading["words"], self._reading["measures"]
        texts = []
        for record in frame.to_dict("records"):
            sentences = [
                f"{it['said']} {words[bisect_right(it['limits'], record[it['column']])]}."
                for it in measures
            ]
            texts.append(" ".join(sentences))
        return texts

    def __call__(self, records: Any) -> Any:
        """Probabilities, shape (n, 2)."""
        import numpy as np
        import torch

        texts: Sequence[str] = records if isinstance(records, list) else self.describe(records)
        parts = [np.empty((0, 2))]
        for start in range(0, len(texts), BATCH):
            batch = self._tokenizer(
                list(texts[start : start + BATCH]), padding=True, return_tensors="pt"
            ).to(self._device)
            with torch.inference_mode():
                logits = self._model(**batch).logits.double()
            parts.append(torch.softmax(logits, dim=-1).cpu().numpy())
        return np.concatenate(parts)


def load(base_model: Path, adapter: Path) -> BiopsyPredictor:
    """The predictor of one adapter over its base model."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging

    from governed_kernel import training

    # The head is reported as new, and is then replaced by the adapter's.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(base_model, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        base_model, num_labels=2, attn_implementation="eager", local_files_only=True
    )
    with warnings.catch_warnings():
        # peft 0.21 uses a name that transformers will give up.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        model = PeftModel.from_pretrained(model, adapter)
    device = training.device()
    reading = json.loads((adapter / "reading.json").read_text(encoding="utf-8"))
    return BiopsyPredictor(model.to(device).eval(), tokenizer, reading, device)
