"""A small suite about berries, with a predictor that needs no library."""

from __future__ import annotations

from pathlib import Path

SUITE = """\
name = "berries"
classes = ["sweet", "sour"]
base_model = "tiny"

[data]
holdout = "berries-holdout"
label = "taste"
hidden = ["berry_id"]
minimum_records = 4

[[functional]]
id = "recall-sour"
why = "a sour berry spoils the cake"
metric = "recall"
class = "sour"
minimum = 0.7

[[calibration]]
id = "brier-score"
metric = "brier"
maximum = 0.5

[[scenario]]
id = "deep-red"
kind = "expected"
text = "red. soft."
expected = "sweet"
minimum = 0.6

[[scenario]]
id = "order"
kind = "invariance"
change = "reverse-sentences"
texts = ["red. soft.", "green. hard."]

[[scenario]]
id = "greener"
kind = "monotonic"
class = "sour"
texts = ["red.", "pink.", "green."]
blocking = false

[change_surface]
allowed = ["*.lora_?.weight", "classifier.*"]

[tolerance]
weights = 0.001
"""

PREDICTOR = """\
class Predictor:
    def describe(self, frame):
        return [f"{colour}. {touch}." for colour, touch in zip(frame["colour"], frame["touch"])]

    def __call__(self, records):
        texts = records if isinstance(records, list) else self.describe(records)
        sour = [0.9 if "green" in text else 0.5 if "pink" in text else 0.1 for text in texts]
        return [[1 - p, p] for p in sour]


def load(base_model, adapter):
    assert base_model.is_dir() and adapter.is_dir()
    return Predictor()
"""

RECORDS = """\
berry_id,taste,colour,touch
b1,sweet,red,soft
b2,sweet,red,hard
b3,sour,green,hard
b4,sour,green,soft
b5,sour,green,hard
b6,sour,red,hard
"""


def write_suite(folder: Path, suite: str = SUITE, predictor: str = PREDICTOR) -> Path:
    folder.mkdir(parents=True)
    (folder / "suite.toml").write_text(suite)
    (folder / "predictor.py").write_text(predictor)
    return folder
