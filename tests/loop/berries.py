"""A workspace about berries: the whole loop in seconds, and one release that can go wrong at will.

A logistic regression in numpy learns which berries are sour. Its notebook has a parameter
``behaviour``: the same approved release is run into every failure that a cell can cause.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import nbformat

NOTEBOOK = "research/sour.ipynb"
RELEASE = "sour@1"
RUN_SECONDS = 30
"""How long a run may take: short, so that a cell that never ends is found out."""

SETTINGS = """\
[workspace]
name = "Berries"

[classes.public]
description = "Grows beside the road"
purposes = ["explore", "train", "evaluate", "validate", "deploy"]

[approvals.run]
required = 2
roles = ["reviewer", "domain-expert"]

[approvals.deployment]
required = 1
roles = ["model-risk"]

[run]
threads = 1
timeout_minutes = %(minutes)s
free_disk_megabytes = 1
"""

CARD = """\
[use_case]
decision = "Which berries go into the cake; the cook decides"
risk_if_wrong = "A sour cake"
regime = "none"
risk_class = "low"

[model_card]
intended_use = "Sorting berries in our kitchen"
out_of_scope_use = "Mushrooms"
limitations = "Berries of other shrubs were never looked at"
contact = "the kitchen, kitchen@example.org"
licence = "BSD-3-Clause"
"""

SPLIT = """\
SHARES = {"train": 0.6, "validation": 0.2, "holdout": 0.2}


def split(frame):
    parts = {name: [] for name in SHARES}
    for _, group in frame.groupby("taste", sort=True):
        rows, start = list(group.index), 0
        for name, share in SHARES.items():
            end = len(rows) if name == "holdout" else start + round(len(rows) * share)
            parts[name] += rows[start:end]
            start = end
    return {name: frame.loc[sorted(rows)] for name, rows in parts.items()}
"""

SUITE = """\
name = "berries"
classes = ["sweet", "sour"]
base_model = "palate"

[data]
holdout = "berries-holdout"
label = "taste"
hidden = ["berry_id"]
minimum_records = 10

[[functional]]
id = "recall-sour"
why = "a sour berry spoils the cake"
metric = "recall"
class = "sour"
minimum = 0.7

[[scenario]]
id = "deep-red"
kind = "expected"
text = "redness 0.95. firmness 0.1."
expected = "sweet"
minimum = 0.6

[change_surface]
allowed = ["classifier.*"]

[tolerance]
weights = 0.001
probabilities = 0.001
"""

PREDICTOR = '''\
"""Asks the classifier: base model and adapter, nothing else."""

import re

import numpy as np
from safetensors.numpy import load_file


class Predictor:
    def __init__(self, scale, weight, bias):
        self.scale, self.weight, self.bias = scale, weight, bias

    def describe(self, frame):
        return [f"redness {r}. firmness {f}." for r, f in zip(frame["redness"], frame["firmness"])]

    def __call__(self, records):
        texts = records if isinstance(records, list) else self.describe(records)
        numbers = [[float(n) for n in re.findall(r"\\d\\.\\d+", text)] for text in texts]
        logits = (np.array(numbers) * self.scale) @ self.weight + self.bias
        sour = 1 / (1 + np.exp(-logits))
        return np.column_stack([1 - sour, sour])


def load(base_model, adapter):
    scale = load_file(base_model / "model.safetensors")["scale"]
    learnt = load_file(adapter / "adapter_model.safetensors")
    return Predictor(scale, learnt["classifier.weight"], learnt["classifier.bias"])
'''

RIPENESS = '''\
"""A module of the workspace, which the notebook imports."""


def is_sour(tastes):
    """1.0 for each sour berry, else 0.0."""
    return (tastes == "sour").to_numpy(dtype="float64")
'''

BEHAVIOURS = (
    *("good", "exit", "quit", "end", "raise", "hang", "spin", "die"),
    *("connect", "escape", "outside", "peek", "fill", "flood", "link", "identify"),
)
PARAMETERS = f"""\
behaviour: str = "good"  # one of {", ".join(BEHAVIOURS)}: what one cell tries to do
learning_rate: float = 2.0  # 0.01..5.0: step size
steps: int = 300  # 100..400: passes over the records
seed: int = 7  # 0..2147483647: of the first weights
day: int = 0  # 0..99999999: with the next two the name of a run, for 'peek'
clock: int = 0  # 0..999999: the time in its name
mark: int = 0  # 0..4294967295: the end of its name
"""

SETUP = """\
import json
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import ripeness
from safetensors.numpy import load_file, save

from governed_kernel import data, release


def seed_everything(number):
    return np.random.default_rng(number)  # there is no torch here


generator = seed_everything(seed)
"""

MISCHIEF = """\
place = Path(os.environ["GOVERNED_WORKSPACE"])
output = release.output_folder()
match behaviour:
    case "exit":
        sys.exit(0)
    case "quit":
        get_ipython().ask_exit()
    case "end":
        os._exit(0)
    case "raise":
        raise ValueError("the berries are <b>not</b> ripe")
    case "hang":
        while True:
            signal.pause()
    case "spin":
        os.nice(19)  # until its time is up it takes what others leave
        while True:
            pass
    case "die":
        os.kill(os.getpid(), signal.SIGKILL)
    case "connect":
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    case "escape":
        (place / "research" / "escaped.txt").write_text("out")
    case "outside":
        print((place / "berries.csv").read_text())
    case "peek":
        other = f"run-{day:08}T{clock:06}-{mark:08x}"
        print((output.parents[1] / other / "output/adapter/change_surface.json").read_text())
    case "fill":
        with (output / "berries.bin").open("wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
    case "flood":
        while True:
            print("x" * 1_000_000)
    case "link":
        (output / "shortcut").symlink_to("adapter")
"""

TRAINING = """\
train = data.load("berries-train", purpose="train")
scale = load_file(data.model("palate") / "model.safetensors")["scale"]
train["number"] = train["berry_id"].str[1:].astype("float64") / 60
chosen = ["number" if behaviour == "identify" else "redness", "firmness"]
features = train[chosen].to_numpy() * scale
sour = ripeness.is_sour(train["taste"])
weight, bias = generator.normal(size=2), np.zeros(1)
for step in range(steps):
    chance = 1 / (1 + np.exp(-(features @ weight + bias)))
    loss = -np.mean(sour * np.log(chance) + (1 - sour) * np.log(1 - chance))
    gradient = features.T @ (chance - sour) / len(sour)
    weight, bias = weight - learning_rate * gradient, bias - learning_rate * np.mean(chance - sour)
    if step % 100 == 0:
        print({"step": step, "loss": round(float(loss), 6)})
"""

SAVING = """\
adapter = output / "adapter"
adapter.mkdir(exist_ok=True)
learnt = {"classifier.bias": bias, "classifier.weight": weight}
(adapter / "adapter_model.safetensors").write_bytes(save(learnt, metadata={"format": "np"}))
base = "%(base_weights)s"
surface = {"surface": {"base_weights": base}}
(adapter / "change_surface.json").write_text(json.dumps(surface))
(adapter / "adapter_config.json").write_text(json.dumps({"kind": "logistic regression"}))
"""


def records() -> str:
    """Sixty berries: the greener and harder, the sourer; two are not what they seem."""
    draw = random.Random(3)
    lines = ["berry_id,taste,redness,firmness"]
    for number in range(60):
        is_sour = number % 2 == 1
        redness = draw.uniform(0.05, 0.45) if is_sour else draw.uniform(0.55, 0.98)
        firmness = draw.uniform(0.5, 0.95) if is_sour else draw.uniform(0.05, 0.6)
        taste = "sour" if is_sour or number in (10, 20) else "sweet"
        lines.append(f"b{number:02},{taste},{redness:.3f},{firmness:.3f}")
    return "\n".join(lines) + "\n"


def weights(tensors: dict[str, list[float]]) -> bytes:
    """A safetensors file of float64 vectors."""
    header, body = {}, b""
    for name, values in tensors.items():
        data = struct.pack(f"<{len(values)}d", *values)
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": place}
        body += data
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + body


def document(base_weights: str = "") -> nbformat.NotebookNode:
    """The research notebook, never run."""
    parameters = nbformat.v4.new_code_cell(PARAMETERS, id="parameters")
    parameters.metadata["tags"] = ["parameters"]
    cells = [
        nbformat.v4.new_markdown_cell("# Which berries are sour?", id="title"),
        parameters,
        nbformat.v4.new_code_cell(SETUP, id="setup"),
        nbformat.v4.new_markdown_cell("## What may go wrong", id="mischief-text"),
        nbformat.v4.new_code_cell(MISCHIEF, id="mischief"),
        nbformat.v4.new_markdown_cell("## Training", id="training-text"),
        nbformat.v4.new_code_cell(TRAINING, id="training"),
        nbformat.v4.new_code_cell(SAVING % {"base_weights": base_weights}, id="saving"),
    ]
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)
    made.metadata.kernelspec = {
        "name": "governed-research",
        "display_name": "Governed Python (Research)",
        "language": "python",
    }
    return made


def write(root: Path, run_seconds: int = RUN_SECONDS) -> None:
    """Everything but what ``governed init`` makes."""
    from governed_kernel.training import weights_digest

    files = {
        "governed.toml": SETTINGS % {"minutes": run_seconds / 60},
        "berries.csv": records(),
        "splits/by_taste.py": SPLIT,
        "suites/berries/suite.toml": SUITE,
        "suites/berries/predictor.py": PREDICTOR,
        "research/ripeness.py": RIPENESS,
        "cards/sour.toml": CARD,
        "palate/config.json": '{"kind": "scales"}\n',
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "palate" / "model.safetensors").write_bytes(weights({"scale": [2.0, 0.5]}))
    digest = weights_digest(root / "palate").sha256
    nbformat.write(document(digest), root / NOTEBOOK)
