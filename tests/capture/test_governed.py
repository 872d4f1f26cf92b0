"""What this package itself writes from a notebook is on record like any library's doing."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.training.models import make_base

from .recording import record

CELLS = [
    """
import sys
import warnings
warnings.filterwarnings("ignore")
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification
from governed_kernel import release
model = AutoModelForSequenceClassification.from_pretrained("base", num_labels=2)
""",
    """
lora = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
adapted = get_peft_model(model, lora)
""",
    """
folder = release.save_adapter(adapted, "adapter")
""",
]


@pytest.mark.slow
def test_a_saved_adapter_owes_its_weights_to_the_adapted_model(tmp_path: Path) -> None:
    make_base(tmp_path / "base")
    (tmp_path / "governed.toml").write_text('[workspace]\nname = "Test"\n')
    found = record(tmp_path, CELLS)
    assert not any(found.errors), found.errors
    assert found.of(ObserverLost) == []
    (adapted,) = found.of(Transformation, 2)
    (saved,) = [step for step in found.of(Transformation, 3) if step.library == "governed_kernel"]
    assert saved.operation == "release.save_adapter"
    assert [entity.entity for entity in saved.inputs] == [adapted.outputs[0].entity]
    weights = tmp_path.resolve() / "research/outputs/adapter/adapter_model.safetensors"
    assert [entity.entity for entity in saved.outputs] == [weights.as_uri()]
